import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowWhy } from '../../src/topology/desired-rows.js';
import type { RowChange } from '../../src/topology/diff-rows.js';
import { diffRows } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Guarded } from '../../src/topology/guard.js';
import { guardPlan } from '../../src/topology/guard.js';
import { NOW_MS, rowOf } from './records.js';

function guard(
  actual: readonly DispatcherRow[],
  desired: readonly DispatcherRow[],
  why: Readonly<Record<string, RowWhy>>,
  heldSince: ReadonlyMap<number, number> = new Map(),
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
