import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeriveInput, LiveNode } from '../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS, deriveRows, tableByKey } from '../../src/topology/desired-rows.js';
import { applyChanges } from '../../src/topology/diff-rows.js';
import { isOurs, isSelectable, rowKey } from '../../src/topology/dispatcher-row.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { Spent } from '../../src/topology/guard-budget.js';
import { noteSpent } from '../../src/topology/guard-budget.js';
import { NODE_STATES } from '../../src/topology/node.js';
import { planPass } from '../../src/topology/plan-pass.js';
import { derivation, intentFor, liveNodes, NOW_MS, record, rowOf, UNGUARDED } from './records.js';

/** Rows as `setid destination flags why owner`, dropped ones with a leading minus. */
function check(part: Partial<DeriveInput>, expected: readonly string[]): void {
  const { desired, dropped } = deriveRows(derivation(part));
  const lines = [...desired.values()].map(
    (d) => `${rowKey(d.row)} ${d.row.flags} ${d.why} ${d.nodeId}`,
  );
  const gone = [...dropped.values()].map((d) => `-${rowKey(d.row)} ${d.why}`);
  assert.deepEqual([...lines, ...gone].sort(), [...expected].sort());
}

const up = record('a');
const old = { since: NOW_MS - 11 * 60_000 };
const known = (...records: readonly ReturnType<typeof record>[]) =>
  new Map(records.map((r) => [r.nodeId, r] as const));

test('up is active and probed', () =>
  check({ nodes: liveNodes(up) }, ['30 sip:a.test:5060 8 up a']));

test('a load-balancer stands in its set once, whoever consumes it', () =>
  check({ nodes: liveNodes(record('lb', { role: 'load-balancer' })) }, [
    '50 sip:lb.test:5060 8 up lb',
  ]));

test('draining is disabled, its row stays', () =>
  check({ nodes: liveNodes(record('a', { state: 'draining' })), previous: [rowOf('a')] }, [
    '30 sip:a.test:5060 4 draining a',
  ]));

test('an intent disables a node that is up', () =>
  check(
    { nodes: liveNodes(up), intents: new Map([['a', intentFor('a')]]), previous: [rowOf('a')] },
    ['30 sip:a.test:5060 4 intent a'],
  ));

test('down by its agent is disabled at once', () =>
  check({ nodes: liveNodes(record('a', { state: 'down' })), previous: [rowOf('a')] }, [
    '30 sip:a.test:5060 4 down a',
  ]));

test('down for ten minutes is deleted', () =>
  check({ nodes: liveNodes(record('a', { state: 'down', ...old })), previous: [rowOf('a', 4)] }, [
    '-30 sip:a.test:5060 down',
  ]));

test('down for ten minutes is kept while the view is not settled', () =>
  check(
    {
      nodes: liveNodes(record('a', { state: 'down', ...old })),
      previous: [rowOf('a', 4)],
      isSettled: false,
    },
    ['30 sip:a.test:5060 4 down a'],
  ));

test('a node that is down and has no row gets none', () =>
  check({ nodes: liveNodes(record('a', { state: 'down' })) }, []));

test('a newcomer that starts has no row', () =>
  check({ nodes: liveNodes(record('a', { state: 'starting' })) }, []));

test('the row of a node that starts again is kept as it is', () => {
  const row = rowOf('a', 4, { attrs: 'weight=50;rweight=50' });
  const { desired } = deriveRows(
    derivation({ nodes: liveNodes(record('a', { state: 'starting' })), previous: [row] }),
  );
  assert.equal(desired.get(rowKey(row))?.row, row);
});

for (const state of ['draining', 'down'] as const) {
  test(`goodbye: gone after ${state} is deleted`, () =>
    check({ remembered: known(record('a', { state })), previous: [rowOf('a', 8)] }, [
      '-30 sip:a.test:5060 goodbye',
    ]));
}

test('goodbye before the view is settled disables and waits', () =>
  check(
    { remembered: known(record('a', { state: 'down' })), previous: [rowOf('a')], isSettled: false },
    ['30 sip:a.test:5060 4 goodbye a'],
  ));

test('silence keeps the row as it is', () =>
  check({ remembered: known(up), previous: [rowOf('a')] }, ['30 sip:a.test:5060 8 silent a']));

test('silence that does not answer the witness is inactive', () =>
  check({ remembered: known(up), previous: [rowOf('a')], evidence: new Map([['a', 'silent']]) }, [
    '30 sip:a.test:5060 9 silent a',
  ]));

const limbo = DEFAULT_DERIVE_LIMITS.limboMs;
const unanswered = (ms: number) => ({
  remembered: known(up),
  previous: [rowOf('a', 9)],
  evidence: new Map([['a', 'silent']] as const),
  silentSinceMs: new Map([['a', NOW_MS - ms]]),
});

test('silence that has not answered for the whole limbo goes', () => {
  check(unanswered(limbo), ['30 sip:a.test:5060 9 silent a']);
  check(unanswered(limbo + 1), ['-30 sip:a.test:5060 silent']);
  check({ ...unanswered(limbo + 1), isSettled: false }, ['30 sip:a.test:5060 9 silent a']);
});

test('a witness counts for nothing before the view is settled', () =>
  check(
    {
      remembered: known(up),
      previous: [rowOf('a')],
      evidence: new Map([['a', 'silent']]),
      isSettled: false,
    },
    ['30 sip:a.test:5060 8 silent a'],
  ));

test('silence that answers the witness is active', () =>
  check(
    { remembered: known(up), previous: [rowOf('a', 9)], evidence: new Map([['a', 'answers']]) },
    ['30 sip:a.test:5060 8 answers a'],
  ));

test('after a restart of the reconciler a disabled row without znode is a goodbye, an active one silence', () =>
  check({ previous: [rowOf('a', 4), rowOf('b', 8)] }, [
    '-30 sip:a.test:5060 goodbye',
    '30 sip:b.test:5060 8 silent b',
  ]));

test('a weight other than 100 stands in the attrs', () => {
  const { desired } = deriveRows(derivation({ nodes: liveNodes(record('a', { weight: 50 })) }));
  assert.equal(desired.get('30 sip:a.test:5060')?.row.attrs, 'weight=50;rweight=50;own=50');
});

const sameAddress = { sip: up.sip };

test('two live nodes with one address: the youngest has the row, the conflict is told', () => {
  const nodes = new Map<string, LiveNode>([
    ['a', { record: up, czxid: 9n }],
    ['b', { record: record('b', sameAddress), czxid: 10n }],
  ]);
  const { desired, conflicts } = deriveRows(derivation({ nodes, previous: [rowOf('a')] }));
  assert.deepEqual(
    [...desired.values()].map((d) => d.nodeId),
    ['b'],
  );
  assert.deepEqual(
    [...conflicts.values()],
    [{ setid: 30, destination: 'sip:a.test:5060', winner: 'b', loser: 'a' }],
  );
});

test('an address taken over from a vanished node belongs to the new one, its row is not deleted', () =>
  check({ nodes: liveNodes(record('b', sameAddress)), previous: [rowOf('a', 4)] }, [
    '30 sip:a.test:5060 8 up b',
  ]));

test('a node that moved leaves its old address', () =>
  check({ nodes: liveNodes(up), previous: [rowOf('a'), rowOf('a', 8, { destination: 'sip:x' })] }, [
    '30 sip:a.test:5060 8 up a',
    '-30 sip:x moved',
  ]));

test('a left address never takes the row from the node that is there now', () => {
  const nodes = new Map<string, LiveNode>([
    ['a', { record: record('a', { sip: record('x').sip }), czxid: 20n }],
    ['b', { record: record('b', sameAddress), czxid: 10n }],
  ]);
  const { desired, conflicts } = deriveRows(
    derivation({ nodes, previous: [rowOf('a')], isSettled: false }),
  );
  assert.equal(desired.get('30 sip:a.test:5060')?.nodeId, 'b');
  assert.equal(conflicts.size, 0);
});

test('a row of somebody else with our key is told and left alone', () => {
  const foreign = rowOf('a', 0, { description: 'by hand' });
  const { desired, foreign: told } = deriveRows(
    derivation({ nodes: liveNodes(up), previous: [foreign] }),
  );
  assert.equal(desired.size, 0);
  assert.deepEqual(
    [...told.values()].map((d) => d.nodeId),
    ['a'],
  );
});

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const nodeOf = fc.record({
  nodeId: names,
  state: fc.constantFrom(...NODE_STATES),
  role: fc.constantFrom('media' as const, 'registrar' as const),
  host: names,
  since: fc.constantFrom(NOW_MS - 11 * 60_000, NOW_MS - 5, NOW_MS - 4),
});
const tableRow = fc
  .record({
    owner: names,
    host: names,
    setid: fc.constantFrom(20, 30, 77),
    flags: fc.constantFrom(0, 4, 8, 9),
    isOurs: fc.boolean(),
  })
  .map(({ owner, host, isOurs: ours, ...rest }) =>
    rowOf(owner, rest.flags, {
      setid: rest.setid,
      destination: `sip:${host}.test:5060`,
      ...(ours ? {} : { description: 'by hand' }),
    }),
  );
const world = fc.record({
  nodes: fc.uniqueArray(nodeOf, { selector: (n) => n.nodeId }),
  previous: fc.uniqueArray(tableRow, { selector: rowKey, maxLength: 10 }),
  remembered: fc.uniqueArray(nodeOf, { selector: (n) => n.nodeId }),
  intents: fc.uniqueArray(names),
  isSettled: fc.boolean(),
  evidence: fc.dictionary(names, fc.constantFrom('answers', 'silent', 'unknown')),
});

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

function inputOf(w: World, turn: <T>(list: readonly T[]) => T[]): DeriveInput {
  const make = (n: World['nodes'][number]): ReturnType<typeof record> =>
    record(n.nodeId, {
      state: n.state,
      role: n.role,
      since: n.since,
      sip: [{ transport: 'udp', host: `${n.host}.test`, port: 5060 }],
    });
  const present = new Set(w.nodes.map((n) => n.nodeId));
  const gone = w.remembered.filter((n) => !present.has(n.nodeId));
  return derivation({
    nodes: liveNodes(...turn(w.nodes).map(make)),
    previous: turn(w.previous),
    remembered: known(...turn(gone).map(make)),
    intents: new Map(turn(w.intents).map((id) => [id, intentFor(id)] as const)),
    evidence: new Map(turn(Object.entries(w.evidence))),
    isSettled: w.isSettled,
  });
}

const pass = (input: DeriveInput, spent: Spent = new Map()) =>
  planPass({ ...input, ...UNGUARDED, spent, known: new Set(), passId: 'pass-0001' });

test('the order of the inputs does not matter', () =>
  fc.assert(
    fc.property(world, (w) => {
      const forth = inputOf(w, (list) => [...list]);
      const back = inputOf(w, (list) => [...list].reverse());
      assert.deepEqual(deriveRows(forth), deriveRows(back));
      assert.deepEqual(pass(forth).changes, pass(back).changes);
    }),
    { numRuns: 500 },
  ));

test('in every world: foreign rows untouched, no set emptied unexplained, a second pass writes nothing', () =>
  fc.assert(
    fc.property(world, (w) => {
      const input = inputOf(w, (list) => [...list]);
      const plan = pass(input);
      const before = tableByKey(input.previous);
      const after = applyChanges(before, plan.changes);
      for (const [key, row] of before) {
        if (!isOurs(row)) assert.equal(after.get(key), row);
      }
      for (const setid of new Set([...before.values()].map((row) => row.setid))) {
        const rows = [...after.values()].filter((row) => row.setid === setid);
        if (rows.length === 0) assert.ok(plan.mayEmpty.includes(setid), `set ${setid} emptied`);
      }
      assertSilentServed(input, after);
      const spent = noteSpent(new Map(), plan.taken, NOW_MS, UNGUARDED.budget);
      const again = pass({ ...input, previous: [...after.values()] }, spent);
      assert.deepEqual(again.changes, []);
    }),
    { numRuns: 1_000 },
  ));

/** A node that only fell silent keeps the row that served calls, unless the witness found it dead. */
function assertSilentServed(input: DeriveInput, after: ReadonlyMap<string, DispatcherRow>): void {
  for (const [nodeId, last] of input.remembered) {
    if (last.state !== 'up' || input.intents.has(nodeId)) continue;
    if (input.evidence.get(nodeId) === 'silent') continue;
    for (const row of tableByKey(input.previous).values()) {
      if (row.description !== `carna:${nodeId}` || !isSelectable(row.flags)) continue;
      const kept = after.get(rowKey(row));
      assert.ok(kept !== undefined, `row of silent ${nodeId} deleted`);
      if (kept.description === row.description) assert.ok(isSelectable(kept.flags));
    }
  }
}
