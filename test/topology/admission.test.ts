import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AdmissionInput } from '../../src/topology/admission.js';
import { ADMISSION_WAIT_MS } from '../../src/topology/admission.js';
import type { Derived, DeriveInput, Evidence } from '../../src/topology/desired-rows.js';
import { deriveRows } from '../../src/topology/desired-rows.js';
import { isSelectable, rowKey } from '../../src/topology/dispatcher-row.js';
import { NODE_STATES } from '../../src/topology/node.js';
import type { PassPlan } from '../../src/topology/plan-pass.js';
import { planPass } from '../../src/topology/plan-pass.js';
import { derivation, intentFor, liveNodes, NOW_MS, record, rowOf, UNGUARDED } from './records.js';

const NOW = 50_000;

/** The witness said this of `a`, which the leader has wanted to know for so long. */
function asked(evidence: Evidence | null, forMs: number | null): AdmissionInput {
  return {
    evidence: new Map(evidence === null ? [] : [['a', evidence]]),
    sinceMs: new Map(forMs === null ? [] : [['a', NOW - forMs]]),
    monoMs: NOW,
  };
}

function plan(part: Partial<DeriveInput>, known: readonly string[] = []): PassPlan {
  const input = derivation({ nodes: liveNodes(record('a')), ...part });
  return planPass({ ...input, ...UNGUARDED, known: new Set(known), passId: 'pass-0001' });
}

const moves = ({ changes }: PassPlan): string[] =>
  changes.map((change) => {
    const from = change.kind === 'insert' ? '-' : String(change.row.flags);
    if (change.kind === 'update') return `${change.before.flags}→${change.row.flags}`;
    return change.kind === 'insert' ? `${from}→${change.row.flags}` : `${from}→-`;
  });

const old = (flags: number | null) => (flags === null ? [] : [rowOf('a', flags)]);

for (const flags of [null, 4, 9, 1]) {
  const name = flags === null ? 'a new node' : `a node whose row stands at ${flags}`;

  test(`${name} that answers is active`, () => {
    const found = plan({ previous: old(flags), admission: asked('answers', 0) });
    assert.deepEqual(moves(found), [`${flags ?? '-'}→8`]);
  });

  test(`${name} that was not asked yet changes nothing, and its change is told later`, () => {
    for (const forMs of [null, 0, ADMISSION_WAIT_MS - 1]) {
      const found = plan({ previous: old(flags), admission: asked(null, forMs) });
      assert.deepEqual(moves(found), []);
      assert.deepEqual(found.audit, []);
      assert.deepEqual(found.asking.get('a'), {
        destination: 'sip:a.test:5060',
        admission: 'waiting',
      });
    }
  });

  test(`${name} without any word of the witness in time is inactive`, () => {
    const found = plan({ previous: old(flags), admission: asked(null, ADMISSION_WAIT_MS) });
    assert.deepEqual(moves(found), flags === 9 ? [] : [`${flags ?? '-'}→9`]);
    assert.equal(found.asking.get('a')?.admission, 'unanswered', 'it is asked on');
  });

  test(`${name} that does not answer is inactive at once`, () => {
    const found = plan({ previous: old(flags), admission: asked('silent', 1) });
    assert.deepEqual(moves(found), flags === 9 ? [] : [`${flags ?? '-'}→9`]);
  });

  test(`${name} that could not be asked waits its time`, () => {
    assert.deepEqual(moves(plan({ previous: old(flags), admission: asked('unknown', 1) })), []);
    const late = plan({ previous: old(flags), admission: asked('unknown', ADMISSION_WAIT_MS) });
    assert.equal(late.asking.get('a')?.admission, 'unanswered');
  });
}

for (const flags of [8, 0, 2, 10]) {
  test(`an active row (${flags}) is never made inactive, and its node not asked`, () => {
    for (const evidence of ['silent', 'unknown', null] as const) {
      const admission = asked(evidence, ADMISSION_WAIT_MS * 10);
      const found = plan({ previous: [rowOf('a', flags)], admission });
      assert.deepEqual(moves(found), flags === 8 ? [] : [`${flags}→8`]);
      assert.equal(found.asking.size, 0);
    }
  });
}

test('a late answer makes it active', () => {
  const found = plan({ previous: [rowOf('a', 9)], admission: asked('answers', 60_000) });
  assert.deepEqual(moves(found), ['9→8']);
});

for (const state of NODE_STATES.filter((other) => other !== 'up')) {
  test(`a node that is ${state} is not asked for admission`, () => {
    const nodes = liveNodes(record('a', { state }));
    assert.equal(plan({ nodes, admission: asked('silent', 1_000) }).asking.size, 0);
  });
}

test('a node that an operator wants out is not asked, and disabled', () => {
  const intents = new Map([['a', intentFor('a')]]);
  const found = plan({ intents, previous: [rowOf('a', 9)], admission: asked('silent', 9) });
  assert.equal(found.asking.size, 0);
  assert.deepEqual(moves(found), ['9→4']);
});

test('a node that begins to drain while it is asked gets a disabled row, whatever it answers', () => {
  for (const evidence of ['answers', 'silent', null] as const) {
    const nodes = liveNodes(record('a', { state: 'draining' }));
    const found = plan({ nodes, previous: [], admission: asked(evidence, 10) });
    assert.deepEqual(moves(found), ['-→4']);
  }
});

test('the change of a node is told with the row that follows from it, once', () => {
  const admitted = plan({ admission: asked('answers', 1) });
  assert.deepEqual(
    admitted.audit.map((change) => [change.traceId, change.actor, change.rows[0]?.to]),
    [['trace-a-up', 'agent', 8]],
  );
  const listed = plan({ admission: asked('silent', 1) });
  assert.deepEqual(
    listed.audit.map((change) => [change.traceId, change.rows[0]?.to]),
    [['trace-a-up', 9]],
  );
  const late = plan({ previous: [rowOf('a', 9)], admission: asked('answers', 1) }, ['trace-a-up']);
  assert.deepEqual(
    late.audit.map((change) => [change.actor, change.rows[0]?.from, change.rows[0]?.to]),
    [['reconciler', 9, 8]],
  );
});

for (const transport of ['tcp', 'tls'] as const) {
  test(`a node behind ${transport} cannot be asked: its agent admits it`, () => {
    const sip = [{ transport, host: 'a.test', port: 5061 }];
    const found = plan({ nodes: liveNodes(record('a', { sip })), admission: asked(null, null) });
    assert.deepEqual(moves(found), ['-→8']);
  });
}

test('a newcomer that was only not asked in time takes no active row from whoever had its address', () => {
  const theirs = rowOf('b', 8, { destination: 'sip:a.test:5060' });
  const late = { previous: [theirs], admission: asked(null, ADMISSION_WAIT_MS) };
  assert.deepEqual(moves(plan(late)), []);
  const answered = plan({ previous: [theirs], admission: asked('answers', 1) });
  assert.equal(answered.changes[0]?.row.description, 'carna:a');
  assert.equal(answered.changes[0]?.row.flags, 8);
});

test('a newcomer that does not answer takes the last active row of a set from nobody', () => {
  const theirs = rowOf('b', 8, { destination: 'sip:a.test:5060' });
  const found = plan({ previous: [theirs], admission: asked('silent', 1) });
  assert.deepEqual(found.changes, []);
  assert.equal(found.held[0]?.rule, 'never-empty');
});

const names = fc.constantFrom('a', 'b', 'c', 'd');
const worlds = fc.record({
  nodes: fc.uniqueArray(
    fc.record({ nodeId: names, host: names, state: fc.constantFrom(...NODE_STATES) }),
    { selector: (node) => node.nodeId },
  ),
  rows: fc.uniqueArray(
    fc.record({ owner: names, host: names, flags: fc.constantFrom(0, 4, 8, 9) }),
    { selector: (row) => row.host },
  ),
  evidence: fc.dictionary(names, fc.constantFrom<Evidence>('answers', 'silent', 'unknown')),
  forMs: fc.dictionary(names, fc.constantFrom(0, ADMISSION_WAIT_MS, 10_000)),
});

const rowsIn = ({ desired }: Derived) =>
  [...desired.values()].map(({ row }) => row).sort((x, y) => (rowKey(x) < rowKey(y) ? -1 : 1));
const settle = (input: DeriveInput, before: Derived): Derived =>
  deriveRows({ ...input, previous: rowsIn(before) });

test('in every world: no own active row becomes inactive for want of an answer, order does not matter, it settles in two passes', () =>
  fc.assert(
    fc.property(worlds, (w) => {
      const inputOf = (turn: <T>(list: readonly T[]) => T[]): DeriveInput =>
        derivation({
          nodes: liveNodes(
            ...turn(w.nodes).map(({ nodeId, host, state }) =>
              record(nodeId, {
                state,
                since: NOW_MS,
                sip: [{ transport: 'udp', host: `${host}.test`, port: 5060 }],
              }),
            ),
          ),
          previous: turn(w.rows).map(({ owner, host, flags }) =>
            rowOf(owner, flags, { destination: `sip:${host}.test:5060` }),
          ),
          admission: {
            evidence: new Map(turn(Object.entries(w.evidence))),
            sinceMs: new Map(turn(Object.entries(w.forMs)).map(([id, ms]) => [id, NOW - ms])),
            monoMs: NOW,
          },
        });
      const input = inputOf((list) => [...list]);
      const derived = deriveRows(input);
      assert.deepEqual(derived, deriveRows(inputOf((list) => [...list].reverse())));
      const before = new Map(
        [...input.previous.values()].map((row) => [rowKey(row), row] as const),
      );
      for (const [key, { row, why }] of derived.desired) {
        const was = before.get(key);
        if (why !== 'unanswered' || was?.description !== row.description) continue;
        assert.ok(!isSelectable(was.flags), 'an own active row was not left alone');
      }
      const second = settle(input, derived);
      assert.deepEqual(rowsIn(settle(input, second)), rowsIn(second));
    }),
    { numRuns: 1_000 },
  ));
