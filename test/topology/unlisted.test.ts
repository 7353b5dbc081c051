import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import { asLoaded } from '../../src/topology/live-letters.js';
import { decodeAppliedRecord, encodeAppliedRecord } from '../../src/topology/node-codec.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import { MAX_UNLISTED } from '../../src/topology/node.js';
import { findUnlisted, hasHollowSet, isListing } from '../../src/topology/unlisted.js';

function row(setid: number, name: string, more: Partial<DispatcherRow> = {}): DispatcherRow {
  const base = { flags: 8, priority: 0, attrs: '', description: describeRow(name) };
  return { setid, destination: `sip:${name}:5060`, ...base, ...more };
}

const A = row(30, 'a');
const B = row(30, 'b');
const R = row(20, 'r');
const OFF = row(30, 'off', { flags: 4 });
const FOREIGN = row(30, 'f', { description: 'by hand' });
const BAD = row(30, 'x', { destination: 'sip:no such uri' });
const OTHER = row(40, 'o');

function check(
  rows: DispatcherRow[],
  live: DispatcherRow[],
  keys: string[],
  hollow: boolean,
): void {
  assert.deepEqual(findUnlisted([20, 30], rows, asLoaded(live)), keys);
  assert.equal(hasHollowSet([20, 30], rows, asLoaded(live)), hollow);
}

test('a list as the table lacks nothing', () => check([A, B, R, OFF], [A, B, R, OFF], [], false));

test('what is missing, or disabled though its row is not, is named', () =>
  check([A, B, R], [{ ...A, flags: 4 }, R], ['30 sip:a:5060', '30 sip:b:5060'], false));

test('one that a Kamailio found silent by itself is listed', () =>
  check([A], [{ ...A, flags: 9 }], [], false));

test('a set of which nothing came in is hollow', () => check([A, R], [A], ['20 sip:r:5060'], true));

test('rows out of use, of others, of other sets, or that no Kamailio reads, are not waited for', () =>
  check([OFF, FOREIGN, BAD, OTHER], [], [], false));

test('a full list may lack some, so it proves nothing; it fits into its znode', () => {
  const rows = Array.from({ length: 60 }, (_, at) => row(30, `${'n'.repeat(150)}-${at}`));
  const unlisted = findUnlisted([30], rows, []);
  assert.equal(unlisted.length, MAX_UNLISTED);
  const drift = 'much is missing';
  assert.equal(isListing({ drift, unlisted }, ['30 sip:a:5060']), false);
  assert.equal(isListing({ drift, unlisted: unlisted.slice(1) }, ['30 sip:a:5060']), true);
  const record: AppliedRecord = {
    ...{ schema: 1, nodeId: 'd1', role: 'dispatcher', generation: 8, sets: {}, provenAtMs: 1 },
    ...{ drift, unlisted },
  };
  assert.deepEqual(decodeAppliedRecord(encodeAppliedRecord(record)), record);
});
