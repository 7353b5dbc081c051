import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LoadFacts } from '../../src/topology/load.js';
import { classifyLoad, DEFAULT_LOAD_LIMITS, usedShare } from '../../src/topology/load.js';
import type { LoadClass } from '../../src/topology/node.js';
import { LOAD_CLASSES } from '../../src/topology/node.js';

const LIMITS = { busyShare: 0.8, fullShare: 0.95, hysteresis: 0.05 };

/** Classes as a node walks through these shares. */
function walk(shares: readonly (number | null)[], first: LoadClass | null = null): LoadClass[] {
  let known = first;
  return shares.map((share) => (known = classifyLoad(known, share, LIMITS)));
}

test('the borders are reached by equality and left only below border minus hysteresis', () => {
  assert.deepEqual(walk([0, 0.799, 0.8, 0.75, 0.7499]), [
    'normal',
    'normal',
    'busy',
    'busy',
    'normal',
  ]);
  assert.deepEqual(walk([0.949, 0.95, 0.9, 0.8999, 0.75, 0.7499]), [
    'busy',
    'full',
    'full',
    'busy',
    'busy',
    'normal',
  ]);
});

test('a full node that falls to just below the busy border is busy still', () =>
  assert.deepEqual(walk([0.96, 0.76]), ['full', 'busy']));

test('a border that is a difference is met exactly: 0.8 - 0.1 is a little more than 0.7', () => {
  const limits = { busyShare: 0.8, fullShare: 0.95, hysteresis: 0.1 };
  assert.equal(classifyLoad('busy', 0.7, limits), 'busy');
  assert.equal(classifyLoad('busy', 0.69, limits), 'normal');
});

test('it may jump over a class in both directions', () =>
  assert.deepEqual(walk([0.99, 0.1, 1.2]), ['full', 'normal', 'full']));

test('quotients at a border are at the border', () => {
  for (const total of [7, 10, 30, 1000, 12345]) {
    for (let used = 0; used <= total; used++) {
      const isBusy = classifyLoad('normal', used / total, LIMITS) !== 'normal';
      assert.equal(isBusy, used * 100 >= total * 80, `${used} of ${total}`);
      const isStill = classifyLoad('full', used / total, LIMITS) === 'full';
      assert.equal(isStill, used * 100 >= total * 90, `${used} of ${total} after full`);
    }
  }
});

test('an unknown share keeps the class', () => {
  assert.deepEqual(walk([null, 0.9, null, 0.97, null]), ['normal', 'busy', 'busy', 'full', 'full']);
});

const share = fc.double({ min: 0, max: 1.5, noNaN: true });
const limits = fc
  .tuple(
    fc.double({ min: 0.3, max: 0.7, noNaN: true }),
    fc.double({ min: 0, max: 0.2, noNaN: true }),
  )
  .map(([busyShare, hysteresis]) => ({ busyShare, fullShare: busyShare + 0.25, hysteresis }));

test('a share that only rises, or only falls, passes each border at most once', () => {
  const first = fc.constantFrom(null, ...LOAD_CLASSES);
  fc.assert(
    fc.property(fc.array(share, { maxLength: 30 }), limits, first, (shares, given, start) => {
      for (const direction of [1, -1]) {
        let known: LoadClass | null = null;
        const ranks = shares
          .toSorted((a, b) => direction * (a - b))
          .map((next, at) => {
            known = classifyLoad(at === 0 ? start : known, next, given);
            return LOAD_CLASSES.indexOf(known);
          });
        assert.deepEqual(
          ranks,
          ranks.toSorted((a, b) => direction * (a - b)),
        );
      }
    }),
  );
});

test('the same share twice changes nothing the second time', () => {
  fc.assert(
    fc.property(share, limits, fc.constantFrom(...LOAD_CLASSES), (next, given, start) => {
      const once = classifyLoad(start, next, given);
      assert.equal(classifyLoad(once, next, given), once);
    }),
  );
});

const NOTHING: LoadFacts = { sessions: null, limit: null, memoryUsedShare: null };

for (const [name, facts, maxSessions, expected] of [
  ['nothing is known', NOTHING, 0, null],
  ['only our own limit is known', NOTHING, 100, null],
  ['sessions without any limit', { ...NOTHING, sessions: 50 }, 0, null],
  ["sessions of the server's limit", { ...NOTHING, sessions: 50, limit: 200 }, 0, 0.25],
  ['sessions of ours', { ...NOTHING, sessions: 50 }, 100, 0.5],
  ['the smaller limit is ours', { ...NOTHING, sessions: 50, limit: 200 }, 100, 0.5],
  ["the smaller limit is the server's", { ...NOTHING, sessions: 50, limit: 80 }, 100, 0.625],
  ['a limit of 0 is none', { ...NOTHING, sessions: 50, limit: 0 }, 100, 0.5],
  ['only memory is known', { ...NOTHING, memoryUsedShare: 0.4 }, 0, 0.4],
  ['memory is the larger', { sessions: 1, limit: 10, memoryUsedShare: 0.4 }, 0, 0.4],
  ['sessions are the larger', { sessions: 9, limit: 10, memoryUsedShare: 0.4 }, 0, 0.9],
  ['more than the limit', { ...NOTHING, sessions: 12, limit: 10 }, 0, 1.2],
  ['nothing at all', { ...NOTHING, sessions: 0, limit: 10 }, 0, 0],
] as const) {
  test(`used share: ${name}`, () => assert.equal(usedShare(facts, maxSessions), expected));
}

test('a FreeSWITCH that refuses the next call is full by the default limits', () => {
  const facts = { ...NOTHING, sessions: 999, limit: 1000 };
  assert.equal(classifyLoad('normal', usedShare(facts, 0), DEFAULT_LOAD_LIMITS), 'full');
});
