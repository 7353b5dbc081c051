import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeriveInput } from '../../src/topology/desired-rows.js';
import { deriveRows, tableByKey } from '../../src/topology/desired-rows.js';
import { applyChanges } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { isOurs, isSelectable, rowKey } from '../../src/topology/dispatcher-row.js';
import type { Spent } from '../../src/topology/guard-budget.js';
import { noteSpent } from '../../src/topology/guard-budget.js';
import { NODE_STATES } from '../../src/topology/node.js';
import { planPass } from '../../src/topology/plan-pass.js';
import {
  derivation,
  intentFor,
  known,
  liveNodes,
  NOW_MS,
  record,
  rowOf,
  UNGUARDED,
} from './records.js';

/** What is derived, and planned of it, in random worlds. */

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
