import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowWhy } from '../../src/topology/desired-rows.js';
import type { RowChange } from '../../src/topology/diff-rows.js';
import { diffRows } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Guarded } from '../../src/topology/guard.js';
import { DEFAULT_BUDGET_LIMITS, noteSpent } from '../../src/topology/guard-budget.js';
import { guardPlan } from '../../src/topology/guard.js';
import { NOW_MS, rowOf } from './records.js';

/** Nothing but the set itself speaks against a loss. */
const CALM = {
  now: { nodes: 100, silent: 0, freshForMs: Number.POSITIVE_INFINITY },
  spent: new Map<number, readonly number[]>(),
  limits: { ...DEFAULT_BUDGET_LIMITS, share: 1 },
  overridden: new Set<number>(),
};

function guard(
  actual: readonly DispatcherRow[],
  desired: readonly DispatcherRow[],
  why: Readonly<Record<string, RowWhy>>,
  heldSince: ReadonlyMap<number, number> = new Map(),
  overridden: ReadonlySet<number> = new Set(),
): Guarded {
  const changes = diffRows(actual, desired);
  const reasonOf = (change: RowChange): readonly [string, RowWhy] => [
    rowKey(change.row),
    why[change.row.description.replace('carna:', '')] ?? 'silent',
  ];
  return guardPlan({
    actual: new Map(actual.map((row) => [rowKey(row), row] as const)),
    changes,
    reasons: new Map(changes.map(reasonOf)),
    heldSince,
    nowMs: NOW_MS,
    ...CALM,
    overridden,
  });
}

const lines = (guarded: Guarded): string[] =>
  guarded.changes.map((c) => `${c.kind} ${c.row.description} ${c.row.flags}`);

test('the last selectable row is held when nobody explained its loss', () => {
  const { changes, held } = guard([rowOf('a'), rowOf('b', 4)], [rowOf('a', 9), rowOf('b', 4)], {});
  assert.deepEqual(changes, []);
  assert.equal(held[0]?.setid, 30);
  assert.equal(held[0]?.sinceMs, NOW_MS);
  assert.match(held[0]?.why ?? '', /last row that can take calls.*silent/);
  assert.deepEqual(held[0]?.destinations, ['sip:a.test:5060']);
});

test('a hold keeps its first date', () => {
  const { held } = guard([rowOf('a')], [rowOf('a', 9)], {}, new Map([[30, 7]]));
  assert.equal(held[0]?.sinceMs, 7);
});

for (const why of ['down', 'draining', 'goodbye', 'intent'] as const) {
  test(`the last row may be disabled when it is explained: ${why}`, () =>
    assert.deepEqual(lines(guard([rowOf('a')], [rowOf('a', 4)], { a: why })), [
      'update carna:a 4',
    ]));
}

test('a set may end empty when every owner said goodbye, and the store is told so', () => {
  const { changes, mayEmpty, held } = guard([rowOf('a', 4)], [], { a: 'goodbye' });
  assert.deepEqual([changes.length, mayEmpty, held], [1, [30], []]);
});

test('of a mixed loss the unexplained part is held, the explained part passes', () => {
  const guarded = guard([rowOf('a'), rowOf('b')], [rowOf('a', 4), rowOf('b', 9)], { a: 'down' });
  assert.deepEqual(lines(guarded), ['update carna:a 4']);
  assert.deepEqual(guarded.held[0]?.destinations, ['sip:b.test:5060']);
});

test('a row without a known reason is unexplained', () => {
  const row = rowOf('a');
  const { changes, held } = guardPlan({
    actual: new Map([[rowKey(row), row]]),
    changes: [{ kind: 'delete', row }],
    reasons: new Map(),
    heldSince: new Map(),
    nowMs: 1,
    ...CALM,
  });
  assert.deepEqual([changes.length, held.length], [0, 1]);
});

test('an unexplained loss passes while the set keeps another row, ours or not', () => {
  const foreign = rowOf('x', 0, { description: 'by hand' });
  assert.equal(guard([rowOf('a'), foreign], [rowOf('a', 9), foreign], {}).held.length, 0);
});

test('a hold in one set does not stop another set', () => {
  const other = (flags: number): DispatcherRow => rowOf('c', flags, { setid: 10 });
  const guarded = guard([rowOf('a'), other(8)], [rowOf('a', 9), other(4)], { c: 'draining' });
  assert.deepEqual(lines(guarded), ['update carna:c 4']);
});

const many = (count: number, flags = 8): DispatcherRow[] =>
  Array.from({ length: count }, (_, n) => rowOf(`n${String(n).padStart(2, '0')}`, flags));

function judge(
  part: Partial<Parameters<typeof guardPlan>[0]>,
  count: number,
  lost: number,
  why: RowWhy | null = 'silent',
): Guarded {
  const actual = many(count);
  const desired = actual.map((row, n) => (n < lost ? { ...row, flags: 9 } : row));
  const changes = diffRows(actual, desired);
  return guardPlan({
    actual: new Map(actual.map((row) => [rowKey(row), row] as const)),
    changes,
    reasons: new Map(why === null ? [] : changes.map((c) => [rowKey(c.row), why] as const)),
    heldSince: new Map(),
    nowMs: NOW_MS,
    ...CALM,
    limits: DEFAULT_BUDGET_LIMITS,
    ...part,
  });
}

for (const [rows, budget] of [
  [2, 1],
  [4, 1],
  [8, 2],
  [12, 3],
  [15, 3],
  [16, 4],
] as const) {
  test(`of ${rows} rows ${budget} may be lost unexplained in a minute, the first by key`, () => {
    const { changes, held, taken } = judge({}, rows, rows - 1);
    assert.equal(changes.length, Math.min(budget, rows - 1));
    assert.equal(taken.get(30), changes.length);
    assert.equal(held[0]?.destinations.length ?? 0, rows - 1 - changes.length);
    if (rows > 2) assert.equal(held[0]?.rule, 'budget');
  });
}

test('what was lost within the last minute counts, what is older does not', () => {
  const spent = (...ages: readonly number[]) => new Map([[30, ages.map((age) => NOW_MS - age)]]);
  assert.equal(judge({ spent: spent(1_000) }, 8, 3).changes.length, 1);
  assert.equal(judge({ spent: spent(1_000, 59_999) }, 8, 3).changes.length, 0);
  assert.equal(judge({ spent: spent(60_000, 70_000) }, 8, 3).changes.length, 2);
  assert.equal(judge({ spent: new Map([[31, [NOW_MS]]]) }, 8, 3).changes.length, 2);
});

for (const why of ['down', 'draining', 'goodbye', 'intent', 'moved', 'unwired'] as const) {
  test(`planned changes count against no budget and meet no stop: ${why}`, () => {
    const now = { nodes: 8, silent: 8, freshForMs: 0 };
    const { changes, held, taken } = judge({ now }, 8, 7, why);
    assert.deepEqual([changes.length, held.length, taken.size], [7, 0, 0]);
  });
}

test('more than 55 % of the nodes silent stops everything that nobody explained', () => {
  const at = (silent: number) => judge({ now: { ...CALM.now, nodes: 20, silent } }, 20, 1);
  assert.equal(at(11).changes.length, 1);
  const { changes, held } = at(12);
  assert.equal(changes.length, 0);
  assert.equal(held[0]?.rule, 'stop');
  assert.match(held[0]?.why ?? '', /12 of 20 nodes are silent at once/);
});

test('one silent node of one is no wider fault, and still not the last row to go', () => {
  const { held } = judge({ now: { ...CALM.now, nodes: 1, silent: 1 } }, 1, 1);
  assert.equal(held[0]?.rule, 'never-empty');
});

test('a view that was broken a moment ago explains every silence', () => {
  const at = (freshForMs: number) => judge({ now: { ...CALM.now, freshForMs } }, 8, 1);
  assert.equal(at(29_999).held[0]?.rule, 'stop');
  assert.equal(at(30_000).changes.length, 1);
});

test('rows that come back are held by no guard', () => {
  const actual = many(8, 9);
  const changes = diffRows(actual, many(8));
  const now = { nodes: 8, silent: 8, freshForMs: 0 };
  const index = new Map(actual.map((row) => [rowKey(row), row] as const));
  const guarded = guardPlan({
    ...{ actual: index, changes, reasons: new Map(), heldSince: new Map(), nowMs: NOW_MS },
    ...{ ...CALM, now },
  });
  assert.equal(guarded.changes.length, 8);
});

test('spent losses are kept for a window and then forgotten', () => {
  const limits = DEFAULT_BUDGET_LIMITS;
  const first = noteSpent(new Map(), new Map([[30, 2]]), 1_000, limits);
  const second = noteSpent(first, new Map([[31, 1]]), 2_000, limits);
  assert.deepEqual(
    [...second],
    [
      [30, [1_000, 1_000]],
      [31, [2_000]],
    ],
  );
  assert.deepEqual([...noteSpent(second, new Map(), 61_000, limits)], [[31, [2_000]]]);
});

test('an operator lets through what would be held, in that set alone, and the word is used up', () => {
  const now = { nodes: 8, silent: 8, freshForMs: 0 };
  const { changes, held, released } = judge({ now, overridden: new Set([30]) }, 8, 8);
  assert.deepEqual([changes.length, held.length, released], [8, 0, [30]]);
  const other = judge({ now, overridden: new Set([31]) }, 8, 8);
  assert.deepEqual([other.changes.length, other.released], [0, []]);
});

test('a word that nothing needs is not used up', () =>
  assert.deepEqual(judge({ overridden: new Set([30]) }, 8, 1).released, []));

test('the store is told that an overridden set may end empty', () => {
  const { mayEmpty, released } = guard([rowOf('a', 9)], [], {}, new Map(), new Set([30]));
  assert.deepEqual([mayEmpty, released], [[30], [30]]);
});
