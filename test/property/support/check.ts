import type { IAsyncProperty, IProperty } from 'fast-check';
import fc from 'fast-check';
import { test } from 'node:test';

/**
 * A property as a test. The seed is printed, so that a run can be had again:
 *
 *   CARNA_PROPERTY_SEED=123 CARNA_PROPERTY_RUNS=5000 node dist/test/run.js dist/test/property/FILE.test.js
 *
 * `runs` is how many are made without CARNA_PROPERTY_RUNS. A failure shows the shrunk counterexample.
 */
export function holds<T>(
  name: string,
  runs: number,
  property: () => IProperty<T> | IAsyncProperty<T>,
): void {
  test(name, async (t) => {
    const parameters = {
      includeErrorInReport: true,
      numRuns: wholeNumber('CARNA_PROPERTY_RUNS') ?? runs,
      seed,
    };
    t.diagnostic(`CARNA_PROPERTY_SEED=${seed} CARNA_PROPERTY_RUNS=${parameters.numRuns}`);
    await fc.assert(property() as IAsyncProperty<T>, parameters);
  });
}

function wholeNumber(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new RangeError(`${name} is no whole number: ${text}`);
  return value;
}

/** Another one in each run of the tests, unless it is given. */
const seed = wholeNumber('CARNA_PROPERTY_SEED') ?? Math.floor(Math.random() * 2 ** 31);
