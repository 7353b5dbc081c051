import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { deriveDispatcherView } from '../../src/topology/drift.js';
import type { DispatcherView, LiveList } from '../../src/topology/drift.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import { NOW, row } from '../cli/support.js';

/** The live list of a dispatcher: letters by last byte of the address, in set 30. */
function live(letters: Readonly<Record<string, string>>): LiveList {
  const list = Object.entries(letters).map(([last, l]) => ({
    ...row(30, 'm', `10.0.3.${last}`),
    letters: l,
  }));
  return { nodeId: 'disp-1', role: 'dispatcher', list, readAtMs: NOW };
}

function check(
  desired: readonly DispatcherRow[],
  table: readonly DispatcherRow[],
  l: LiveList,
  expected: readonly string[],
): DispatcherView {
  const view = deriveDispatcherView(desired, table, [l], DEFAULT_WIRING);
  const lines = view.sets.flatMap((set) =>
    set.destinations.map((d) =>
      [
        d.destination,
        d.pending ?? 'settled',
        ...d.live.map((c) => ('why' in c ? c.why : c.kind)),
      ].join(' | '),
    ),
  );
  assert.deepEqual(lines, expected);
  return view;
}

const A = row(30, 'media-1', '10.0.3.1');
const B = row(30, 'media-2', '10.0.3.2');

test('equal sides agree', () => {
  const view = check([A], [A], live({ 1: 'AP' }), ['sip:10.0.3.1:5060 | settled | same']);
  assert.deepEqual([view.pending, view.drift, view.unknown], [0, 0, 0]);
});

test("what a Kamailio's own probing found is no drift", () => {
  const view = check([A], [A], live({ 1: 'IP' }), ['sip:10.0.3.1:5060 | settled | probed-out']);
  assert.equal(view.drift, 0);
});

test('a row on trial may be active or inactive', () => {
  const trial = { ...A, flags: 9 };
  check([trial], [trial], live({ 1: 'IP' }), ['sip:10.0.3.1:5060 | settled | same']);
});

test('disabled by hand, missing and unlisted entries are drift', () => {
  const view = check([A, B], [A, B], live({ 1: 'DP', 9: 'AP' }), [
    'sip:10.0.3.1:5060 | settled | disabled here, enabled in the table',
    'sip:10.0.3.2:5060 | settled | not listed',
    'sip:10.0.3.9:5060 | settled | listed, but not in the table',
  ]);
  assert.equal(view.drift, 3);
});

test('rows that are not yet written are pending, with what will happen', () => {
  const view = check(
    [{ ...A, flags: 4 }, row(30, 'media-3', '10.0.3.3')],
    [A, B],
    live({ 1: 'AP', 2: 'AP' }),
    [
      'sip:10.0.3.1:5060 | flags 8 → 4 | same',
      'sip:10.0.3.2:5060 | will be deleted | same',
      'sip:10.0.3.3:5060 | will be inserted | same',
    ],
  );
  assert.deepEqual([view.pending, view.drift], [3, 0]);
});

test('rows of others are compared with the live list but never pending', () => {
  const foreign = { ...A, description: 'trunk' };
  check([], [foreign], live({ 1: 'DP' }), [
    'sip:10.0.3.1:5060 | settled | disabled here, enabled in the table',
  ]);
});

test('a Kamailio that cannot be asked is unknown, not in agreement', () => {
  const away: LiveList = { nodeId: 'disp-1', role: 'dispatcher', error: 'no answer' };
  const view = check([A], [A], away, ['sip:10.0.3.1:5060 | settled | unknown']);
  assert.equal(view.unknown, 1);
});

test('sets that a Kamailio does not consume are not its concern', () => {
  const lb: LiveList = { nodeId: 'lb-1', role: 'load-balancer', list: [], readAtMs: NOW };
  check([A], [A], lb, ['sip:10.0.3.1:5060 | settled']);
});

test("Kamailio's own spelling of a row without a scheme is no drift, nor is one row beside its double", () => {
  const bare = { ...A, destination: A.destination.slice(4), description: 'by hand' };
  check([], [bare], live({ 1: 'AP' }), ['10.0.3.1:5060 | settled | same']);
  const drained = { ...A, flags: 4 };
  const both = live({ 1: 'AP' });
  assert.ok('list' in both);
  const doubled = {
    ...both,
    list: [...both.list, ...both.list.map((d) => ({ ...d, letters: 'DX' }))],
  };
  const view = check([drained], [drained, bare], doubled, [
    'sip:10.0.3.1:5060 | settled | same',
    '10.0.3.1:5060 | settled | same',
  ]);
  assert.equal(view.drift, 0);
});
