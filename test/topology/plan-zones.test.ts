import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { applyChanges } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import {
  describeRow,
  isOfZone,
  isOurs,
  rowKey,
  zoneOf,
} from '../../src/topology/dispatcher-row.js';
import type { NodeRecord } from '../../src/topology/node.js';
import type { PassInput, PassPlan } from '../../src/topology/plan-pass.js';
import { planPass } from '../../src/topology/plan-pass.js';
import type { ZoneInput, ZoneSight } from '../../src/topology/plan-zones.js';
import { planZones } from '../../src/topology/plan-zones.js';
import { derivation, liveNodes, NOW_MS, record, rowOf, UNGUARDED } from './records.js';

const TRUSTED = 600_000;

function passInput(part: Partial<PassInput> = {}): PassInput {
  return { ...derivation(), ...UNGUARDED, known: new Set(), passId: 'pass-1', ...part };
}

const remote = (nodeId: string, part: Partial<NodeRecord> = {}): NodeRecord =>
  record(nodeId, {
    dc: 'dc2',
    sip: [{ transport: 'udp', host: `${nodeId}.dc2.test`, port: 5060 }],
    ...part,
  });

/** A row of dc2 as the reconciler writes it. */
const remoteRow = (nodeId: string, flags = 8): DispatcherRow => ({
  setid: 130,
  destination: `sip:${nodeId}.dc2.test:5060`,
  flags,
  priority: 0,
  attrs: 'weight=100;rweight=100',
  description: describeRow(`dc2/${nodeId}`),
});

function zone(part: Partial<ZoneSight> & { readonly answers?: readonly string[] } = {}): ZoneInput {
  const { answers = [], ...rest } = part;
  const evidence = new Map<string, Evidence>(answers.map((id) => [id, 'answers']));
  const sight: ZoneSight = {
    nodes: new Map(),
    remembered: new Map(),
    evidence: new Map(),
    silentSinceMs: new Map(),
    admission: { evidence, sinceMs: new Map(), monoMs: 0 },
    isSettled: true,
    freshForMs: TRUSTED,
    ...rest,
  };
  return { dc: 'dc2', sight };
}

const UNSEEN: ZoneInput = { dc: 'dc2', sight: null };

function table(...rows: readonly DispatcherRow[]): ReadonlyMap<string, DispatcherRow> {
  return new Map(rows.map((row) => [rowKey(row), row] as const));
}

function after(input: PassInput, plan: PassPlan): string[] {
  const rows = applyChanges(input.previous as ReadonlyMap<string, DispatcherRow>, plan.changes);
  return [...rows.values()].map((r) => `${r.setid} ${r.description} ${r.flags}`).sort();
}

test('a node of another data centre stands in the set for those, under its own name', () => {
  const input = passInput({ nodes: liveNodes(record('media-1')), previous: table() });
  const plan = planZones(input, [
    zone({ nodes: liveNodes(remote('media-1')), answers: ['media-1'] }),
  ]);
  assert.deepEqual(after(input, plan), ['130 carna:dc2/media-1 8', '30 carna:media-1 8']);
  assert.deepEqual(
    plan.audit.map(({ nodeId, to }) => `${nodeId} ${to}`),
    ['media-1 up', 'dc2/media-1 up'],
  );
});

for (const [state, flags] of [
  ['draining', 4],
  ['down', 4],
] as const) {
  test(`its word counts: ${state}`, () => {
    const previous = table(remoteRow('a'), remoteRow('b'));
    const input = passInput({ previous });
    const nodes = liveNodes(remote('a', { state, since: NOW_MS }), remote('b'));
    assert.deepEqual(after(input, planZones(input, [zone({ nodes })])), [
      `130 carna:dc2/a ${flags}`,
      '130 carna:dc2/b 8',
    ]);
  });
}

test('one that said goodbye is deleted, also the last of the set', () => {
  const input = passInput({ previous: table(remoteRow('a')) });
  const remembered = new Map([['a', remote('a', { state: 'down' })]]);
  const plan = planZones(input, [zone({ remembered })]);
  assert.deepEqual([after(input, plan), plan.mayEmpty], [[], [130]]);
});

test('it takes no calls before it answered our own OPTIONS', () => {
  const input = passInput({ previous: table() });
  const plan = planZones(input, [zone({ nodes: liveNodes(remote('a')) })]);
  assert.deepEqual(after(input, plan), []);
  assert.deepEqual([...plan.asking.keys()], ['dc2/a']);
});

test('one that vanished without a goodbye is asked, and kept while it answers', () => {
  const input = passInput({ previous: table(remoteRow('a'), remoteRow('b'), remoteRow('c')) });
  const remembered = new Map([['a', remote('a')]]);
  const nodes = liveNodes(remote('b'), remote('c'));
  const unasked = planZones(input, [zone({ nodes, remembered })]);
  assert.deepEqual([unasked.changes, unasked.silent], [[], ['dc2/a']]);
  const evidence = new Map([['a', 'answers' as const]]);
  assert.deepEqual(planZones(input, [zone({ nodes, remembered, evidence })]).changes, []);
  const silent = new Map([['a', 'silent' as const]]);
  const plan = planZones(input, [zone({ nodes, remembered, evidence: silent })]);
  assert.equal(after(input, plan)[0], '130 carna:dc2/a 9');
});

test('what is not seen stays exactly as it is, whatever else changes', () => {
  const previous = table(remoteRow('a'), remoteRow('b', 9), remoteRow('c', 4), rowOf('m', 8));
  const input = passInput({ previous, nodes: liveNodes(record('m', { state: 'down' })) });
  const rows = ['130 carna:dc2/a 8', '130 carna:dc2/b 9', '130 carna:dc2/c 4'];
  for (const zones of [[], [UNSEEN], [{ dc: 'dc3', sight: zone().sight }]]) {
    assert.deepEqual(after(input, planZones(input, zones)), [...rows, '30 carna:m 4']);
  }
});

test('a data centre that falls silent stops nothing and uses up nothing here', () => {
  const ours = ['m1', 'm2', 'm3', 'm4'];
  const theirs = ['a', 'b', 'c', 'd'];
  const previous = table(
    ...ours.map((id) => rowOf(id, 8, { attrs: 'weight=100;rweight=100' })),
    ...theirs.map((id) => remoteRow(id)),
  );
  const input = passInput({
    previous,
    nodes: liveNodes(...ours.slice(1).map((id) => record(id))),
    evidence: new Map([['m1', 'silent' as const]]),
  });
  const evidence = new Map(theirs.map((id) => [id, 'silent' as const]));
  const plan = planZones(input, [zone({ evidence })]);
  assert.deepEqual(after(input, plan), [
    ...theirs.map((id) => `130 carna:dc2/${id} 8`),
    '30 carna:m1 9',
    ...ours.slice(1).map((id) => `30 carna:${id} 8`),
  ]);
  assert.deepEqual(
    plan.held.map(({ setid, rule }) => `${setid} ${rule}`),
    ['130 stop'],
  );
  assert.deepEqual(plan.changes.slice(0, 1), planPass(input).changes);
});

test('two data centres share the budget of their set', () => {
  const theirs = ['a', 'b', 'c', 'd', 'e'];
  const dc3Row = (id: string): DispatcherRow => ({
    ...remoteRow(id),
    destination: `sip:${id}.dc3.test:5060`,
    description: describeRow(`dc3/${id}`),
  });
  const previous = table(...theirs.map((id) => remoteRow(id)), ...theirs.map(dc3Row));
  const input = passInput({ previous });
  const others = (dc: string): NodeRecord[] =>
    theirs.slice(2).map((id) => {
      return remote(id, { dc, sip: [{ transport: 'udp', host: `${id}.${dc}.test`, port: 5060 }] });
    });
  const evidence = new Map(['a', 'b'].map((id) => [id, 'silent' as const]));
  const dc2 = zone({ nodes: liveNodes(...others('dc2')), evidence });
  const dc3 = {
    ...zone({ nodes: liveNodes(...others('dc3')), evidence }),
    dc: 'dc3',
  };
  const plan = planZones(input, [dc2, dc3]);
  assert.equal(plan.taken.get(130), 2, 'a quarter of ten rows');
  assert.equal(after(input, plan).filter((row) => row.endsWith(' 9')).length, 2);
});

test('an address that another data centre has is not taken from it', () => {
  const shared = [{ transport: 'udp', host: 'a.dc2.test', port: 5060 } as const];
  const input = passInput({ previous: table(remoteRow('a')) });
  const dc3 = {
    ...zone({ nodes: liveNodes(remote('x', { dc: 'dc3', sip: shared })), answers: ['x'] }),
    dc: 'dc3',
  };
  const plan = planZones(input, [zone({ nodes: liveNodes(remote('a')) }), dc3]);
  assert.deepEqual(after(input, plan), ['130 carna:dc2/a 8']);
  assert.deepEqual(
    plan.foreign.map(({ nodeId }) => nodeId),
    ['dc3/x'],
  );
});

test('the tag tells whose a row is, however long the names', () => {
  const long = 'x'.repeat(300);
  const dc = 'd'.repeat(32);
  for (const [name, zoneName] of [
    ['media-1', undefined],
    [long, undefined],
    ['dc2/media-1', 'dc2'],
    [`${dc}/${long}`, dc],
  ] as const) {
    const row = { description: describeRow(name) };
    assert.ok(row.description.length <= 64);
    assert.ok(isOurs(row));
    assert.equal(zoneOf(row), zoneName);
    assert.ok(isOfZone(row, zoneName));
    assert.equal(isOfZone(row, zoneName === undefined ? 'dc2' : undefined), false);
  }
  assert.notEqual(describeRow('dc2/media-1'), describeRow('media-1'));
});
