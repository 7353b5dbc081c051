import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../../src/topology/health.js';
import { DEFAULT_HEALTH_LIMITS, INITIAL_HEALTH, judge } from '../../src/topology/health.js';

const VERDICTS: Readonly<Record<string, Verdict>> = {
  o: 'ok',
  f: 'fail',
  u: 'unknown',
  e: 'ended',
};

/** Probes as letters (ok, fail, unknown, ended) -> whether it is up after each one, as + and -. */
function check(name: string, probes: string, expected: string): void {
  test(name, () => {
    let health = INITIAL_HEALTH;
    let seen = '';
    for (const letter of probes) {
      health = judge(health, VERDICTS[letter] ?? 'unknown', DEFAULT_HEALTH_LIMITS);
      seen += health.isUp ? '+' : '-';
    }
    assert.equal(seen, expected);
  });
}

check('two good probes in a row make it up', 'oo', '-+');
check('a failure in between starts the count again', 'ofoo', '---+');
check('three failures in a row make it down', 'oofff', '-+++-');
check('two failures do not', 'ooffoff', '-++++++');
check('unknown is not down', 'oouuuuuu', '-+++++++');
check('unknown neither counts nor forgives', 'oofuffo', '-++++--');
check('a server that ends is down at once', 'ooe', '-+-');
check('and has to rise again', 'ooeoo', '-+--+');
