import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SABOTAGES } from './sabotage.js';
import { describeFailure, simulate, summary } from './run.js';

test('the same seed gives the same run in another process, another seed another run', async () => {
  const [once, again] = await Promise.all([
    simulate({ from: 40, count: 20, isTraced: true, workers: 1 }),
    simulate({ from: 40, count: 20, isTraced: true, workers: 1 }),
  ]);
  const hashes = once.results.map(({ hash }) => hash);
  assert.deepEqual(
    again.results.map(({ hash }) => hash),
    hashes,
  );
  assert.equal(new Set(hashes).size, hashes.length);
});

test('a run does not depend on the schedules that ran before it in the same process', async () => {
  const alone = await simulate({ from: 45, count: 1, isTraced: true, workers: 1 });
  const behind = await simulate({ from: 43, count: 3, isTraced: true, workers: 1 });
  assert.equal(alone.results[0]?.hash, behind.results[2]?.hash);
});

test('the trace changes nothing', async () => {
  const [plain] = (await simulate({ from: 7, count: 1 })).results;
  const [traced] = (await simulate({ from: 7, count: 1, isTraced: true })).results;
  assert.ok(traced !== undefined && plain !== undefined);
  assert.equal(plain.steps, traced.steps);
  assert.equal(plain.virtualMs, traced.virtualMs);
});

describe('what is planted is found', () => {
  /** Some faults need the right company; so many seeds are tried. */
  const TRIES = 100;

  for (const [name, { invariant }] of Object.entries(SABOTAGES)) {
    test(`${name}: ${invariant}`, async () => {
      let found: string | undefined;
      let from = 1;
      while (found === undefined && from < TRIES) {
        const outcome = await simulate({ from, count: 4, sabotage: name, workers: 1 });
        const hit = outcome.failed.find(({ violations }) =>
          violations.some((violation) => violation.invariant === invariant),
        );
        if (hit !== undefined) found = summary(outcome);
        from += 4;
      }
      assert.match(found ?? '', /^sim: 4 schedules, \d+ violations, first failing seed \d+ \(make/);
    });
  }
});

test('a violation is told with its seed, time, invariant and what led to it', async () => {
  const options = { from: 3, count: 1, isTraced: true, sabotage: 'a list that is emptied' };
  const text = (await simulate(options)).failed.map(describeFailure).join('\n');
  assert.match(text, /^seed 3:\n {2}20\.000 s I1: the list of kamailio-\S+ lost set \d+ by reload/);
  assert.match(text, /VIOLATION of I1/);
  assert.ok(text.split('\n').length > 10);
});
