import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainNode } from '../../src/topology/explain.js';
import {
  list,
  check,
  told,
  seen,
  UNREACHABLE,
  facts,
  OUT,
  state,
  SILENT,
  testCases,
} from './explain-world.js';
import { LINK_NAMES } from '../../src/topology/explain-link.js';
import { NOW_MS, rowOf, intentFor } from './records.js';
import type { Case } from './explain-world.js';

test('a whole chain has every link and ends with: calls reach it', () => {
  const chain = explainNode(facts({ task: { kind: 'no-task' } }));
  assert.deepEqual(
    chain.links.map(({ link, state }) => `${link} ${state}`),
    LINK_NAMES.map((name) => `${name} ok`),
  );
  assert.equal(chain.links.at(-1)?.text, 'calls reach it; 61/1000 calls, load normal');
  assert.equal(chain.answer, 'm1 gets calls from 2 of 2 dispatchers.');
  assert.deepEqual([chain.broken, chain.fault, chain.meaning, chain.next], [null, null, '', []]);
});

const CASES: readonly Case[] = [
  {
    name: 'its server does not run',
    world: {
      ...told({ server: { name: null, starts: 3, lastExit: 'killed (SIGKILL)' } }),
      live: OUT,
    },
    fault: 'not-running',
    at: 'process',
    answer: /^m1 gets no new calls: its SIP server does not run\.$/,
    text: /no SIP server runs, last exit: killed \(SIGKILL\)/,
    meaning: /Its agent starts the server again by itself/,
    next: /^carna timeline --node m1$/,
  },
  {
    name: 'its checks fail, and no reconciler takes it out',
    world: {
      ...told({
        health: { isUp: false, streak: 0 },
        checks: [check('esl', 'ok'), check('sip', 'fail')],
      }),
      candidates: [],
    },
    fault: 'checks-fail',
    at: 'checks',
    answer: /^m1 gets calls from 2 of 2 dispatchers, although its sip check fails\.$/,
    text: /^sip: no answer within 800 ms$/,
    meaning:
      /No reconciler leads, so its row stays active until one does; only Kamailio’s own pings/,
    next: /^start a reconciler: carna reconciler$/,
  },
  {
    name: 'it flaps',
    world: {
      ...told({
        health: { isUp: false, streak: 0 },
        quarantine: { untilMs: NOW_MS + 60_000, times: 2 },
      }),
      live: OUT,
    },
    fault: 'quarantined',
    at: 'checks',
    answer: /no new calls: it flaps and is quarantined/,
    text: /they succeed, but it flaps: quarantined, quarantine 2 in a row/,
    meaning: /comes back by itself when the quarantine ends/,
    next: /^carna timeline --node m1 --last 10$/,
  },
  {
    name: 'its agent died, its server answers',
    world: { nodes: SILENT, generation: seen('unsupervised') },
    fault: 'unsupervised',
    at: 'registry',
    answer:
      /^m1 gets calls from 2 of 2 dispatchers, although its agent is gone \(its SIP server answers\)/,
    text: /vanished without a goodbye; it answers sip:m1\.test:5060/,
    meaning: /Calls go on as before, unsupervised/,
    next: /^start its agent again/,
  },
  {
    name: 'its host is gone',
    world: {
      nodes: SILENT,
      generation: seen('silent'),
      rows: [rowOf('m1', 9)],
      live: [list('d1', 'IP'), list('d2', 'IP')],
    },
    fault: 'silent',
    at: 'registry',
    answer: /^m1 gets no new calls: it vanished and does not answer SIP\.$/,
    text: /sip:m1\.test:5060 does not answer/,
    meaning: /deleted after 40 s of silence unless a guard holds it/,
    next: /^look at its host$/,
  },
  {
    name: 'it vanished, and the witness has not asked',
    world: { nodes: SILENT, generation: seen('unasked') },
    fault: 'unwitnessed',
    at: 'registry',
    answer: /^m1 gets calls from 2 of 2 dispatchers, although its agent is gone, and whether/,
    text: /nobody has told whether it answers/,
    meaning: /It waits for the witness: rec-1 asks its SIP server/,
    next: /^carna plan$/,
  },
  {
    name: 'it vanished, and nobody leads',
    world: { nodes: SILENT, candidates: [] },
    fault: 'unwitnessed',
    at: 'registry',
    answer: /although its agent is gone/,
    text: /nobody has told/,
    meaning: /No reconciler leads, so nobody asks it/,
    next: /^start a reconciler/,
  },
  {
    name: 'it said goodbye and its row is left',
    world: { nodes: SILENT, rows: [rowOf('m1', 4)], live: OUT },
    fault: 'gone',
    at: 'registry',
    answer: /^m1 gets no new calls: it is gone\.$/,
    text: /it is gone, its disabled row is left/,
    meaning: /The reconciler deletes its row/,
    next: /^carna plan$/,
  },
  {
    name: 'it is gone, an intent is left',
    world: { nodes: SILENT, rows: [], intent: intentFor('m1') },
    fault: 'gone',
    at: 'registry',
    answer: /it is gone/,
    text: /only the intent of an operator is left/,
    meaning: /A node of that name would drain at once/,
    next: /^forget the intent: carna undrain m1$/,
  },
  {
    name: 'its znode was refused',
    world: { nodes: SILENT, refused: [{ what: 'nodes/m1~3', why: 'it has schema 2' }] },
    fault: 'refused',
    at: 'registry',
    answer: /what its agent published was refused/,
    text: /its znode was refused: it has schema 2/,
    meaning: /different versions/,
    next: /^carna topology$/,
  },
  {
    name: 'it is starting',
    world: { nodes: state({ state: 'starting', reason: 'starting' }), live: OUT, rows: [] },
    fault: 'starting',
    at: 'registry',
    answer: /no new calls: it is starting/,
    text: /published as starting: starting/,
    meaning: /gets calls when its checks have succeeded/,
    next: /^carna timeline --follow --node m1$/,
  },
  {
    name: 'its agent says down and cannot be asked',
    world: {
      nodes: state({ state: 'down', reason: 'hangs' }),
      agent: UNREACHABLE,
      rows: [rowOf('m1', 4)],
      live: OUT,
    },
    fault: 'down',
    at: 'registry',
    answer: /its agent says that it is down \(hangs\)/,
    text: /published as down: hangs/,
    meaning: /After 10 minutes down its row is deleted/,
    next: /^carna timeline --node m1$/,
  },
  {
    name: 'an operator drains it',
    world: {
      intent: intentFor('m1'),
      rows: [rowOf('m1', 4)],
      live: OUT,
      nodes: state({ state: 'draining' }),
    },
    fault: 'draining',
    at: 'intent',
    answer: /^m1 gets no new calls: ann asked for a drain\.$/,
    text: /drain asked by ann: kernel update/,
    meaning: /Calls on it go on until they end by themselves: 61 now\./,
    next: /^carna drain m1 --wait$/,
  },
  {
    name: 'its agent was told to stop',
    world: {
      nodes: state({ state: 'draining', reason: 'SIGTERM' }),
      rows: [rowOf('m1', 4)],
      live: OUT,
    },
    fault: 'draining',
    at: 'intent',
    answer: /it drains, because its agent was told to stop/,
    text: /none, but it drains: SIGTERM/,
    meaning: /Then its server stops and its znode goes/,
    next: /^carna timeline --node m1$/,
  },
];

testCases(CASES);
