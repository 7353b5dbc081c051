import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNode } from '../../src/topology/explain.js';
import { URI, applied, check, told, seen, UNREACHABLE, facts, SILENT } from './explain-world.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import { NOW_MS, rowOf } from './records.js';
import type { LiveList } from '../../src/topology/drift.js';

test('the chain holds, with a doubt, where nobody could look', () => {
  const cannot = (nodeId: string): LiveList => ({ nodeId, role: 'dispatcher', error: 'no answer' });
  const chain = explainNode(facts({ agent: UNREACHABLE, live: [cannot('d1'), cannot('d2')] }));
  const unknown = chain.links.filter(({ state: s }) => s === 'unknown').map(({ link }) => link);
  assert.deepEqual([chain.broken, unknown], [null, ['process', 'checks']]);
  assert.equal(
    chain.answer,
    'm1 gets calls from 2 of 2 dispatchers, as far as can be seen from here.',
  );
  assert.match(chain.links[0]?.text ?? '', /its agent at m1\.test:9100 did not answer from here/);
});

test('another agent at its address is not believed', () => {
  const chain = explainNode(facts(told({ nodeId: 'm9', server: null })));
  assert.equal(chain.links[0]?.state, 'unknown');
  assert.match(chain.links[0]?.text ?? '', /the agent of m9 answers in its place/);
});

test('a failing check that does not yet decide, a lost registry and a list still to be proven are doubts', () => {
  const report = {
    checks: [check('sip', 'fail')],
    health: { isUp: true, streak: 1 },
    registry: 'lost',
  };
  const late = new Map([applied('d1'), applied('d2', { sets: { '30': 'ffff' }, generation: 6 })]);
  const chain = explainNode(facts({ ...told(report), applied: late }));
  assert.equal(chain.broken, null);
  const doubts = chain.links.flatMap(({ state: s, text }) => (s === 'unknown' ? [text] : []));
  assert.equal(doubts.length, 3);
  assert.match(doubts[0] ?? '', /1 in a row, not yet enough to judge/);
  assert.match(doubts[1] ?? '', /connection to ZooKeeper is lost/);
  assert.match(doubts[2] ?? '', /d2 active \(AP\), not yet proven/);
});

/** As a task is named: longer than the table keeps. */
const TASK = `carna_dc1_media.instance-${'0123456789ab'.repeat(3)}._app.1`;
const TAIL = describeRow(TASK).slice('carna:'.length);

for (const [asked, told_] of [
  [TASK, TASK],
  [TASK, TAIL],
  [TAIL, TASK],
] as const) {
  test(`a finding is found by the name in the table: ${asked.length} letters asked, ${told_.length} told`, () => {
    const one = { nodeId: told_, finding: 'silent', destination: URI, sinceMs: NOW_MS } as const;
    const generation = { ...seen('silent'), witnessed: { counts: { silent: 1 }, nodes: [one] } };
    const rows = [rowOf(TASK, 9, { destination: URI })];
    const chain = explainNode(facts({ nodeId: asked, nodes: SILENT, generation, rows }));
    assert.equal(chain.fault, 'silent', JSON.stringify(chain, null, 1));
  });
}

test('a vanished node that the leader counts but does not name is not said to wait', () => {
  const { witnessed } = seen('silent');
  const nodes = (witnessed?.nodes ?? []).map((one) => ({ ...one, nodeId: 'm0' }));
  const held = [
    { setid: 30, rule: 'budget', why: 'too many', sinceMs: NOW_MS, count: 11, destinations: [] },
  ] as const;
  const generation = { ...seen('silent'), witnessed: { counts: { silent: 51 }, nodes }, held };
  const chain = explainNode(facts({ nodes: SILENT, generation }));
  assert.equal(chain.fault, 'unwitnessed');
  assert.match(chain.meaning, /The leader counts 50 more nodes that it asked than it names/);
  assert.equal(chain.next[0], 'carna guard');
  const link = chain.links.at(-1);
  assert.match(link?.text ?? '', /the leader does not name it among those that it asked/);
  assert.equal(
    link?.details[0],
    'a guard holds 11 rows in set 30 and names 0 of them, its row may be another (budget): too many',
  );
});

test('a silent node tells of the guard that holds its row', () => {
  const held = [
    { setid: 30, rule: 'budget', why: 'too many', sinceMs: NOW_MS, count: 1, destinations: [URI] },
  ] as const;
  const chain = explainNode(facts({ nodes: SILENT, generation: { ...seen('silent'), held } }));
  const details = chain.links.at(-1)?.details ?? [];
  assert.match(details[0] ?? '', /a guard holds its row in set 30 \(budget\): too many/);
  assert.equal(details[1], 'table: active in set 30');
});
