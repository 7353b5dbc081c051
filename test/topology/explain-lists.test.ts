import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNode } from '../../src/topology/explain.js';
import type { Case } from './explain-world.js';
import { M1, D1, nodes, applied, list, REPORT, facts, state, testCases } from './explain-world.js';
import { record, rowOf } from './records.js';

const CASES: readonly Case[] = [
  {
    name: 'no dispatcher is up',
    world: {
      nodes: nodes(M1, record('d1', { role: 'dispatcher', kind: 'kamailio', state: 'down' })),
    },
    fault: 'no-consumer',
    at: 'live',
    answer: /^m1 gets no new calls: no Kamailio consumes set 30\.$/,
    text: /no Kamailio consumes set 30 now: no dispatcher is up/,
    meaning: /new calls for it have nowhere to come from/,
    next: /^carna nodes --role dispatcher$/,
  },
  {
    name: 'one dispatcher gets no answer',
    world: { live: [list('d1', 'AP'), list('d2', 'IP')] },
    fault: 'probed-out',
    at: 'live',
    answer: /^m1 gets calls from 1 of 2 dispatchers: d2 gets no answer to its own OPTIONS\.$/,
    text: /^set 30: d1 active \(AP\) · d2 inactive \(IP\)$/,
    meaning: /The others get answers: likely a firewall or a route between d2 and this node/,
    next: /^on the host of d2: sipsak -vv -s sip:m1\.test:5060$/,
  },
  {
    name: 'no dispatcher gets an answer',
    world: { live: [list('d1', 'IP'), list('d2', 'TP')] },
    fault: 'probed-out',
    at: 'live',
    answer: /^m1 gets no new calls: d1, d2 get no answer to their own OPTIONS\.$/,
    text: /d1 inactive \(IP\) · d2 on trial \(TP\)/,
    meaning: /likely its published address is wrong, or a firewall stands between/,
    next: /sipsak/,
  },
  {
    name: 'one list lost it',
    world: { live: [list('d1', null), list('d2', 'AP')] },
    fault: 'drift',
    at: 'live',
    answer: /1 of 2 dispatchers: d1 does not run what the table says/,
    text: /d1 not listed/,
    meaning: /heals that by itself within 30 s/,
    next: /^carna explain d1$/,
  },
  {
    name: 'one list has it disabled',
    world: { live: [list('d1', 'DX'), list('d2', 'AP')] },
    fault: 'drift',
    at: 'live',
    answer: /d1 does not run what the table says/,
    text: /d1 disabled \(DX\)/,
    meaning: /heals/,
    next: /^carna explain d1$/,
  },
  {
    name: 'a Kamailio that cannot be asked tells of drift itself',
    world: {
      live: [list('d1', 'AP'), { nodeId: 'd2', role: 'dispatcher', error: 'no answer' }],
      applied: new Map([
        applied('d1'),
        applied('d2', { sets: { '30': 'ffff' }, drift: 'set 30: one is missing' }),
      ]),
    },
    fault: 'drift',
    at: 'live',
    answer: /1 of 2 dispatchers: d2 does not run/,
    text: /d2 differs$/,
    meaning: /heals/,
    next: /^carna explain d2$/,
  },
  {
    name: 'a Kamailio that cannot be asked is a generation behind',
    world: {
      live: [list('d1', 'AP'), { nodeId: 'd2', role: 'dispatcher', error: 'no answer' }],
      applied: new Map([applied('d1'), applied('d2', { sets: { '30': 'ffff' }, generation: 6 })]),
    },
    fault: 'behind',
    at: 'live',
    answer: /d2 runs an older generation/,
    text: /d2 runs generation 6 of 7/,
    meaning: /Its list is as it was/,
    next: /^carna explain d2$/,
  },
  {
    name: 'a Kamailio that cannot be asked has proved nothing',
    world: {
      live: [{ nodeId: 'd2', role: 'dispatcher', error: 'no answer' }],
      applied: new Map([applied('d1')]),
    },
    fault: 'unproven',
    at: 'live',
    answer: /d2 has proved nothing yet/,
    text: /d1 as in the table, by its proof · d2 has proved nothing yet/,
    meaning: /cannot be told/,
    next: /^carna explain d2$/,
  },
  {
    name: 'it is full',
    world: {
      nodes: state({ loadClass: 'full' }),
      rows: [rowOf('m1', 8, { attrs: 'weight=10;rweight=10;load=full' })],
    },
    fault: 'full',
    at: 'calls',
    answer: /although it is full/,
    text: /61\/1000 calls, load full/,
    meaning: /Load is no illness/,
    next: /^carna nodes --role media$/,
  },
];

testCases(CASES);

test('a load-balancer without consumers takes its calls from outside', () => {
  const lb = record('lb', { role: 'load-balancer', kind: 'kamailio' });
  const uri = 'sip:lb.test:5060';
  const rows = [rowOf('lb', 8, { setid: 50, destination: uri })];
  const agent = { kind: 'told', report: { ...REPORT, nodeId: 'lb' } } as const;
  const chain = explainNode({ ...facts({ nodes: nodes(lb, D1), rows, agent }), nodeId: 'lb' });
  assert.deepEqual([chain.broken, chain.answer], [null, 'lb takes calls from outside.']);
  assert.match(chain.links[6]?.text ?? '', /no Kamailio consumes set 50 now/);
});

test('many Kamailios are counted, and only those that differ are named', () => {
  const many = Array.from({ length: 9 }, (_, i) =>
    record(`d${i}`, { role: 'dispatcher', kind: 'kamailio' }),
  );
  const live = many.map(({ nodeId }) => list(nodeId, nodeId === 'd4' ? 'IP' : 'AP'));
  const proofs = new Map(many.map(({ nodeId }) => applied(nodeId)));
  const chain = explainNode(facts({ nodes: nodes(M1, ...many), live, applied: proofs }));
  const last = chain.links.at(-1);
  assert.equal(last?.text, 'set 30: active on 8 of 9 Kamailios');
  assert.deepEqual(last?.details, ['d4 inactive (IP)']);
});
