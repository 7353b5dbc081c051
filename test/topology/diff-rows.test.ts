import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyChanges, diffRows } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { rowOf } from './records.js';

function check(
  actual: readonly DispatcherRow[],
  desired: readonly DispatcherRow[],
  plan: readonly string[],
): void {
  const changes = diffRows(actual, desired);
  assert.deepEqual(
    changes.map((c) => `${c.kind} ${rowKey(c.row)}`),
    plan,
  );
  const keyed = (rows: readonly DispatcherRow[]) => new Map(rows.map((r) => [rowKey(r), r]));
  assert.deepEqual(applyChanges(keyed(actual), changes), keyed(desired));
}

test('equal sides need nothing', () => check([rowOf('a')], [rowOf('a')], []));

test('a replaced node is inserted before the old one is deleted', () =>
  check([rowOf('z')], [rowOf('a')], ['insert 30 sip:a.test:5060', 'delete 30 sip:z.test:5060']));

test('every column but the key is data', () => {
  for (const part of [
    { flags: 4 },
    { priority: 1 },
    { attrs: 'x=1' },
    { description: 'carna:b' },
  ]) {
    check([rowOf('a')], [rowOf('a', 8, part)], ['update 30 sip:a.test:5060']);
  }
});

test('sets are ordered as numbers', () =>
  check(
    [],
    [rowOf('a', 8, { setid: 100 }), rowOf('b', 8, { setid: 20 }), rowOf('a', 8, { setid: 20 })],
    ['insert 20 sip:a.test:5060', 'insert 20 sip:b.test:5060', 'insert 100 sip:a.test:5060'],
  ));

test('a doubled key is a bug of the caller', () =>
  assert.throws(() => diffRows([], [rowOf('a'), rowOf('a', 4)]), RangeError));
