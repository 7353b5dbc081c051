import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeriveInput, LiveNode } from '../../src/topology/desired-rows.js';
import { DEFAULT_DERIVE_LIMITS, deriveRows } from '../../src/topology/desired-rows.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { derivation, intentFor, known, liveNodes, NOW_MS, record, rowOf } from './records.js';

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
