import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeriveInput } from '../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS } from '../../src/topology/desired-rows.js';
import { applyChanges } from '../../src/topology/diff-rows.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { NodeRecord } from '../../src/topology/node.js';
import type { PassPlan } from '../../src/topology/plan-pass.js';
import { planPass } from '../../src/topology/plan-pass.js';
import { isRamping, largestCapacity, weightAttrs, weightOf } from '../../src/topology/weights.js';
import { derivation, intentFor, liveNodes, NOW_MS, record, rowOf, UNGUARDED } from './records.js';

const SCALE = { largest: 0, nowMs: NOW_MS, slowStartMs: 0 };
const limits = { ...DEFAULT_DERIVE_LIMITS, slowStartMs: 15_000 };

test('weight is the share that the operator gave, the capacity, the load class and the slow start leave', () => {
  assert.equal(weightOf(record('a'), SCALE), 100);
  assert.equal(weightOf(record('a', { weight: 52 }), SCALE), 50);
  assert.equal(weightOf(record('a', { maxSessions: 250 }), { ...SCALE, largest: 1_000 }), 25);
  assert.equal(weightOf(record('a', { loadClass: 'busy' }), SCALE), 50);
  assert.equal(weightOf(record('a', { loadClass: 'full' }), SCALE), 10);
  assert.equal(weightOf(record('a'), { ...SCALE, slowStartMs: 1_001 }), 30);
  assert.equal(weightOf(record('a', { weight: 1, loadClass: 'full' }), SCALE), 1, 'never nothing');
});

test('the attrs tell the weight, and why it is below the usual', () => {
  assert.equal(weightAttrs(record('a'), SCALE), 'weight=100;rweight=100');
  const scale = { ...SCALE, slowStartMs: 5_000 };
  const busy = record('a', { loadClass: 'busy' });
  assert.equal(weightAttrs(busy, scale), 'weight=15;rweight=15;load=busy;ramp=1');
});

test('a slow start ends in time, and a wrong clock makes none', () => {
  const scale = { ...SCALE, slowStartMs: 1_000 };
  assert.equal(isRamping(record('a', { since: NOW_MS - 999 }), scale), true);
  assert.equal(isRamping(record('a', { since: NOW_MS - 1_000 }), scale), false);
  assert.equal(isRamping(record('a', { since: NOW_MS + 1_000 }), scale), false);
});

test('capacity counts only when that of all is known', () => {
  const of = (...sizes: readonly number[]) =>
    largestCapacity(
      sizes.map((maxSessions) => ({ record: record('a', { maxSessions }) })),
      new Set(['media'] as const),
    );
  assert.deepEqual([of(), of(10, 30, 20), of(10, 0, 20)], [0, 30, 0]);
  const gone = [
    { record: record('a', { state: 'down' }) },
    { record: record('b', { maxSessions: 7 }) },
  ];
  assert.equal(
    largestCapacity(gone, new Set(['media'] as const)),
    7,
    'only nodes that are up count',
  );
});

function plan(part: Partial<DeriveInput>): PassPlan {
  const input = derivation({ limits, ...part });
  return planPass({ ...input, ...UNGUARDED, known: new Set(), passId: 'pass-0001' });
}

const old = (nodeId: string, part: Partial<NodeRecord> = {}): NodeRecord =>
  record(nodeId, { since: NOW_MS - 60_000, ...part });
const full = 'weight=100;rweight=100';

/** The attrs after a pass; `[]` when it wrote nothing. */
function attrsAfter(part: Partial<DeriveInput>): readonly string[] {
  const { changes } = plan(part);
  if (changes.length === 0) return [];
  const before = new Map([...(part.previous ?? []).values()].map((row) => [rowKey(row), row]));
  const after: DispatcherRow[] = [...applyChanges(before, changes).values()];
  return after.map((row) => `${row.description.slice(6)} ${row.attrs}`).sort();
}

test('sets that are selected by hash or only trusted carry no weights', () => {
  for (const role of ['registrar', 'dispatcher', 'load-balancer'] as const) {
    const [change] = plan({ nodes: liveNodes(old('a', { role, weight: 50 })) }).changes;
    assert.equal(change?.row.attrs, '', role);
  }
});

test('every row written in a weighted set has a weight, and a second pass writes nothing', () => {
  const nodes = liveNodes(old('a'), record('b'));
  const attrs = attrsAfter({ nodes });
  assert.deepEqual(attrs, [`a ${full}`, 'b weight=30;rweight=30;ramp=1']);
  const previous = plan({ nodes }).changes.map(({ row }) => row);
  assert.deepEqual(plan({ nodes, previous }).changes, []);
});

test('the end of the first slow start is known, and then the weight is the usual one', () => {
  const since = NOW_MS - 14_000;
  const nodes = liveNodes(old('a'), record('b', { since }), record('c'));
  const found = plan({ nodes });
  assert.equal(found.rampEndsMs, since + 15_000);
  const previous = found.changes.map(({ row }) => row);
  const [change, ...more] = plan({ nodes, previous, nowMs: since + 15_000 }).changes;
  assert.deepEqual([change?.row.description, change?.row.attrs], ['carna:b', full]);
  assert.equal(more.length, 0);
});

test('a change of the load class is written at once, and a full node is never taken out', () => {
  const previous = [rowOf('a', 8, { attrs: full })];
  const nodes = liveNodes(old('a', { loadClass: 'full' }));
  const [change] = plan({ nodes, previous }).changes;
  assert.deepEqual(
    [change?.kind, change?.row.flags, change?.row.attrs],
    ['update', 8, 'weight=10;rweight=10;load=full'],
  );
});

test('a weight that an operator changed is written at once', () => {
  const previous = [rowOf('a', 8, { attrs: full })];
  const [change] = plan({ nodes: liveNodes(old('a', { weight: 50 })), previous }).changes;
  assert.equal(change?.row.attrs, 'weight=50;rweight=50;own=50');
});

test('who does not know of slow starts leaves weights that are right but for that', () => {
  const attrs = 'weight=30;rweight=30;ramp=1';
  const part = { nodes: liveNodes(old('a')), limits: DEFAULT_DERIVE_LIMITS };
  assert.deepEqual(attrsAfter({ ...part, previous: [rowOf('a', 8, { attrs })] }), []);
  const busy = { ...part, nodes: liveNodes(old('a', { loadClass: 'busy' })) };
  assert.equal(attrsAfter({ ...busy, previous: [rowOf('a', 8, { attrs })] }).length, 1);
});

test('a capacity that drifted waits until the set is reloaded anyway', () => {
  const previous = [rowOf('a', 8, { attrs: full })];
  const small = old('a', { maxSessions: 100 });
  const large = old('b', { maxSessions: 200 });
  const both = [rowOf('a', 8, { attrs: full }), rowOf('b', 8, { attrs: full })];
  assert.deepEqual(attrsAfter({ nodes: liveNodes(small, large), previous: both }), []);
  assert.deepEqual(attrsAfter({ nodes: liveNodes(small, large), previous }), [
    'a weight=50;rweight=50',
    `b ${full}`,
  ]);
});

test('a change of flags goes without the drift: it needs no reload', () => {
  const previous = [rowOf('a', 8, { attrs: full }), rowOf('b', 8, { attrs: full })];
  const nodes = liveNodes(
    old('a', { maxSessions: 100 }),
    old('b', { maxSessions: 200 }),
    old('c', { maxSessions: 400, state: 'down' }),
  );
  const intents = new Map([['b', intentFor('b')]]);
  const { changes } = plan({ nodes, intents, previous });
  assert.deepEqual(
    changes.map(({ row }) => [row.description, row.flags, row.attrs]),
    [['carna:b', 4, full]],
  );
});

test('a row from before weights gets one with the next reload of its set', () => {
  const previous = [rowOf('a')];
  assert.deepEqual(attrsAfter({ nodes: liveNodes(old('a')), previous }), []);
  assert.deepEqual(attrsAfter({ nodes: liveNodes(old('a'), old('b')), previous }), [
    `a ${full}`,
    `b ${full}`,
  ]);
});

test('a row that is disabled or kept keeps its attrs', () => {
  const attrs = 'weight=50;rweight=50;load=busy';
  const previous = [rowOf('a', 8, { attrs }), rowOf('b', 8, { attrs: full })];
  for (const state of ['down', 'draining', 'starting'] as const) {
    const nodes = liveNodes(old('a', { state }), old('b'));
    const after = attrsAfter({ nodes, previous });
    assert.ok(after.length === 0 || after[0] === `a ${attrs}`, state);
  }
  const silent = { remembered: new Map([['a', old('a')]]), nodes: liveNodes(old('b')), previous };
  assert.deepEqual(
    attrsAfter({ ...silent, evidence: new Map([['a', 'silent']]) })[0],
    `a ${attrs}`,
  );
});
