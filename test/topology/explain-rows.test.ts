import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNode } from '../../src/topology/explain.js';
import type { HeldRecord } from '../../src/topology/node.js';
import type { Case } from './explain-world.js';
import {
  URI,
  M1,
  D1,
  D2,
  nodes,
  list,
  GENERATION,
  seen,
  facts,
  OUT,
  state,
  TWIN,
  ELSEWHERE,
  FOREIGN,
  testCases,
} from './explain-world.js';
import { NOW_MS, rowOf } from './records.js';

const LOST: HeldRecord = {
  setid: 30,
  rule: 'never-empty',
  why: 'PostgreSQL lost all rows of set 30',
  sinceMs: NOW_MS - 42_000,
  count: 1,
  destinations: [],
};

const CASES: readonly Case[] = [
  {
    name: 'PostgreSQL lost its set',
    world: { generation: { ...GENERATION, held: [LOST] }, rows: [] },
    fault: 'held',
    at: 'guard',
    answer: /^m1 gets calls from 2 of 2 dispatchers, although PostgreSQL lost all rows of set 30/,
    text: /set 30 is held \(never-empty\): PostgreSQL lost/,
    meaning: /It has no row there: every Kamailio keeps the list/,
    next: /^carna guard$/,
  },
  {
    name: 'PostgreSQL lost its set, and the witness gets no answer',
    world: { generation: { ...seen('disagreed'), held: [LOST] }, rows: [] },
    fault: 'disagreed',
    at: 'guard',
    answer: /the reconciler gets no answer/,
    text: /does not answer the reconciler/,
    meaning: /lost all rows of set 30: until it answers it gets none.*Likely a firewall/,
    next: /^from the reconciler’s host/,
  },
  {
    name: 'agent and witness disagree',
    world: {
      generation: seen('disagreed'),
      rows: [rowOf('m1', 9)],
      live: [list('d1', 'IP'), list('d2', 'AP')],
    },
    fault: 'disagreed',
    at: 'guard',
    answer:
      /^m1 gets calls from 1 of 2 dispatchers, although its agent says up, but the reconciler/,
    text: /its agent says up, sip:m1\.test:5060 does not answer the reconciler/,
    meaning: /inactive until a Kamailio’s own OPTIONS succeed/,
    next: /^from the reconciler’s host: sipsak -vv -s sip:m1\.test:5060$/,
  },
  {
    name: 'a guard holds it',
    world: {
      generation: {
        ...GENERATION,
        held: [
          {
            setid: 30,
            rule: 'budget',
            why: 'too many',
            sinceMs: NOW_MS - 42_000,
            count: 1,
            destinations: [URI],
          },
        ],
      },
    },
    fault: 'held',
    at: 'guard',
    answer: /a guard holds its change in set 30/,
    text: /set 30 is held \(budget\): too many/,
    meaning: /stays as it is until the evidence returns/,
    next: /^carna guard$/,
  },
  {
    name: 'no set lists its role',
    world: { wiring: ELSEWHERE, rows: [] },
    fault: 'unlisted-role',
    at: 'row',
    answer: /no destination set lists a media/,
    text: /no destination set lists a media/,
    meaning: /nobody sends calls to this role/,
    next: /^carna plan --print-wiring$/,
  },
  {
    name: 'somebody else’s row stands in its place',
    world: { rows: [FOREIGN] },
    fault: 'foreign-row',
    at: 'row',
    answer: /although a row that is not ours stands in its place/,
    text: /set 30 sip:m1\.test:5060: a row that is not ours/,
    meaning: /description "by hand"/,
    next: /^delete that row/,
  },
  {
    name: 'a younger node claims its address',
    world: { nodes: nodes(M1, TWIN, D1, D2), rows: [rowOf('m2', 8, { destination: URI })] },
    fault: 'conflict',
    at: 'row',
    answer: /m2 claims the same address/,
    text: /m2 has the row/,
    meaning: /the younger, m2, has the row/,
    next: /^carna explain m2$/,
  },
  {
    name: 'its address may not stand in the table',
    world: {
      nodes: state({ sip: [{ transport: 'udp', host: 'm1 test', port: 5060 }] }),
      rows: [],
      live: [],
    },
    fault: 'invalid-row',
    at: 'row',
    answer: /its address cannot stand in the table/,
    text: /it may not be written: destination "sip:m1 test:5060" is no SIP URI/,
    meaning: /so it is refused/,
    next: /^correct the address/,
  },
  {
    name: 'its row is due and nobody leads',
    world: { rows: [], candidates: [], live: [list('d1', null), list('d2', null)] },
    fault: 'row-due',
    at: 'row',
    answer: /^m1 gets no new calls: its row is due and no reconciler leads\.$/,
    text: /set 30 sip:m1\.test:5060: no row, should be active \(flags 8, weight=100;rweight=100\)/,
    meaning: /No reconciler leads: nothing will be written until one does/,
    next: /^start a reconciler/,
  },
  {
    name: 'its row is due and somebody leads',
    world: { rows: [rowOf('m1', 4)], live: OUT },
    fault: 'row-due',
    at: 'row',
    answer: /its row is not yet written/,
    text: /disabled \(flags 4\), should be active \(flags 8\)/,
    meaning: /rec-1 leads and writes such a change within 100 ms/,
    next: /^carna plan$/,
  },
];

testCases(CASES);

test('without PostgreSQL the row is unknown, not broken', () => {
  const chain = explainNode(facts({ table: { error: 'connection refused' } }));
  const row = chain.links.find(({ link }) => link === 'row');
  assert.deepEqual([chain.broken, row?.state], [null, 'unknown']);
  assert.match(row?.text ?? '', /the table could not be read: connection refused/);
});

test('the winner of an address conflict gets the calls and a warning', () => {
  const wide = nodes(TWIN, M1, D1, D2);
  const chain = explainNode(facts({ nodes: wide }));
  const row = chain.links.find(({ link }) => link === 'row');
  assert.deepEqual([chain.broken, row?.state], [null, 'unknown']);
  assert.match(row?.text ?? '', /m2 claims the same address: this one is younger/);
});
