import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../src/lab/calls/call-log.js';
import { reportCalls } from '../../src/lab/calls/report.js';
import { seenHealth } from '../../src/lab/drills/agent-health.js';
import { acknowledgedAt } from '../../src/lab/drills/drain-round.js';
import { DRILL_NAMES } from '../../src/lab/drills/names.js';
import { brokenDrill, drillReport, drillResult, undoneDrill } from '../../src/lab/drills/report.js';
import { rowsUnchanged } from '../../src/lab/drills/rows.js';
import { callsOnAt, callsWhileClosed, onlyStoodOnIt } from '../../src/lab/drills/routings.js';
import { parseRoutings } from '../../src/lab/routed.js';
import { judgeLog } from '../../src/lab/drills/sigterm-five.js';
import { appliedRecord, generationRecord, nodeRecord } from '../registry/records.js';

const HIT = '127.0.30.1:5060';
const OTHER = '127.0.30.2:5060';

const call = (more: Partial<Call>): Call => ({
  callId: 'a',
  sentAtMs: 1_500,
  answeredAtMs: 1_510,
  node: HIT,
  end: { kind: 'completed', atMs: 9_000 },
  ...more,
});

const CLOSED = { address: HIT, fromMs: 1_000, untilMs: 2_000 };

function checkClosed(one: Call, count: number, routed: readonly string[] = []): void {
  const routings = new Map([['a', routed]]);
  assert.equal(callsWhileClosed([one], routings, CLOSED).length, count);
}

test('a call that a closed node answered is found', () => checkClosed(call({}), 1));

test('a call that was sent there and went elsewhere after its refusal is found as well', () =>
  checkClosed(call({ node: OTHER }), 1, [HIT, OTHER]));

test('a call sent before the closing, after it, or elsewhere is none', () => {
  checkClosed(call({ sentAtMs: 999 }), 0);
  checkClosed(call({ sentAtMs: 2_001 }), 0);
  checkClosed(call({ node: OTHER }), 0, [OTHER]);
});

test('within the tolerance of the clocks nothing is claimed', () => {
  checkClosed(call({ sentAtMs: 1_004 }), 0);
  checkClosed(call({ sentAtMs: 1_006 }), 1);
  checkClosed(call({ sentAtMs: 1_960 }), 0);
});

test('routings keep every destination of a call, in order', () => {
  const log = [
    '{"line":"dispatcher-1 routed INVITE a@h to sip:10.0.0.1:5060"}',
    '{"line":"dispatcher-1 routed BYE a@h to sip:10.0.0.9:5060"}',
    '{"line":"dispatcher-1 rerouted INVITE a@h to sip:10.0.0.2:5060;transport=udp"}',
  ].join('\n');
  assert.deepEqual([...parseRoutings(log)], [['a@h', ['10.0.0.1:5060', '10.0.0.2:5060']]]);
});

test('calls on a node at a moment: answered before and not ended', () => {
  const calls = [
    call({}),
    call({ answeredAtMs: 5_001 }),
    call({ end: { kind: 'completed', atMs: 5_000 } }),
    call({ end: null }),
    call({ node: OTHER }),
  ];
  assert.equal(callsOnAt(calls, HIT, 5_000), 2);
});

const LOST = { kind: 'lost', atMs: 9_000, why: 'BYE answered 481' } as const;

function checkLosses(one: Call, isGood: boolean, seen: RegExp): void {
  const report = reportCalls(new Map([[one.callId, one]]));
  const hit = { node: HIT, atMs: 1_000 };
  const finding = onlyStoodOnIt(report, [hit], [new Map([['a', [HIT, OTHER]]])]);
  assert.equal(finding.isGood, isGood, finding.seen);
  assert.match(finding.seen, seen);
}

test('a lost call that stood on the node is forgiven', () =>
  checkLosses(call({ sentAtMs: 900, answeredAtMs: 950, end: LOST }), true, /1 stood on it/));

test('a lost call that came after the hit is not forgiven, also when it was tried there', () =>
  checkLosses(call({ node: OTHER, end: LOST }), false, /1 others failed/));

test('no call at all proves nothing', () => {
  assert.equal(onlyStoodOnIt(reportCalls(new Map()), [], []).isGood, false);
});

const DRAINING = nodeRecord({ nodeId: 'media-1', state: 'draining' });
const ONE = nodeRecord({ nodeId: 'dispatcher-1', role: 'dispatcher', kind: 'kamailio' });
const TWO = nodeRecord({ nodeId: 'dispatcher-2', role: 'dispatcher', kind: 'kamailio' });
const proof = (nodeId: string, generation: number, provenAtMs: number) =>
  appliedRecord({ nodeId, role: 'dispatcher', generation, provenAtMs });
const GENERATION = generationRecord({
  generation: 8,
  traces: [{ id: DRAINING.trace.id, generation: 7 }],
});

test('a drain is acknowledged by the last proof of a generation that contains it', () => {
  const nodes = [DRAINING, ONE, TWO];
  const both = [proof('dispatcher-1', 7, 100), proof('dispatcher-2', 8, 120)];
  assert.equal(acknowledgedAt('media-1', nodes, both, GENERATION), 120);
  const old = [proof('dispatcher-1', 7, 100), proof('dispatcher-2', 6, 120)];
  assert.equal(acknowledgedAt('media-1', nodes, old, GENERATION), null);
  assert.equal(acknowledgedAt('media-1', nodes, both.slice(1), GENERATION), null);
});

test('a Kamailio that is down acknowledges nothing and is not waited for', () => {
  const nodes = [DRAINING, ONE, { ...TWO, state: 'down' as const }];
  assert.equal(acknowledgedAt('media-1', nodes, [proof('dispatcher-1', 7, 100)], GENERATION), 100);
});

test('before the drain is published and committed nothing is acknowledged', () => {
  const proofs = [proof('dispatcher-1', 9, 100)];
  const up = { ...DRAINING, state: 'up' as const };
  assert.equal(acknowledgedAt('media-1', [up, ONE], proofs, GENERATION), null);
  const without = { ...GENERATION, traces: [] };
  assert.equal(acknowledgedAt('media-1', [DRAINING, ONE], proofs, without), null);
  assert.equal(acknowledgedAt('media-1', [DRAINING, ONE], proofs, null), null);
});

const TERM = (isRepeated: boolean): string => JSON.stringify({ msg: 'asked to end', isRepeated });
const STEP = (step: object): string => JSON.stringify({ msg: 'drain step', step });
const GOOD_LOG = [
  ...[TERM(false), STEP({ kind: 'announced' }), TERM(true), STEP({ kind: 'emptying' })],
  ...[TERM(true), TERM(true), TERM(true), STEP({ kind: 'empty', how: 'drained' })],
];

test('five SIGTERMs and one drain to its end are well', () =>
  assert.equal(judgeLog(GOOD_LOG.join('\n')).isGood, true));

for (const [what, log] of [
  ['a second drain', [...GOOD_LOG, STEP({ kind: 'announced' })]],
  ['a lost SIGTERM', GOOD_LOG.slice(1)],
  ['a drain that was cut', [...GOOD_LOG.slice(0, -1), STEP({ kind: 'empty', how: 'cut short' })]],
  ['an error on the way out', [...GOOD_LOG, 'error: the server did not stop']],
] as const) {
  test(`${what} in the log is not`, () => assert.equal(judgeLog(log.join('\n')).isGood, false));
}

test('changed and vanished rows are named', () => {
  const before = new Map([
    ['30 a', '1 8'],
    ['30 b', '1 8'],
  ]);
  assert.equal(rowsUnchanged('rows', before, new Map(before)).isGood, true);
  const changed = rowsUnchanged('rows', before, new Map([...before, ['30 b', '2 8']]));
  assert.deepEqual([changed.isGood, changed.seen], [false, 'changed: 30 b']);
  const gone = rowsUnchanged('rows', before, new Map([['30 a', '1 8']]));
  assert.deepEqual([gone.isGood, gone.seen], [false, 'changed: 30 b']);
  const more = rowsUnchanged('rows', before, new Map([...before, ['30 c', '1 8']]));
  assert.deepEqual([more.isGood, more.seen], [false, 'changed: 30 c']);
});

test('an answer of an agent is read as far as it has the fields', () => {
  const drain = { step: 'emptying', left: { count: 3, text: '3 calls' } };
  assert.deepEqual(seenHealth({ state: 'draining', calls: null, drain }), {
    ...{ state: 'draining', calls: null, step: 'emptying', left: 3 },
  });
  const nothing = { state: null, calls: null, step: null, left: null };
  for (const body of [null, 'text', [], { drain: 'soon' }]) {
    assert.deepEqual(seenHealth(body), nothing);
  }
});

test('a drill passes when all held, and only when something was looked at', () => {
  const good = { what: 'x', isGood: true, seen: 'y' };
  const calls = { sent: 20, failed: 0 };
  const [first = 'drain', second = 'drain'] = DRILL_NAMES;
  const passed = drillResult(first, 1.4, { findings: [good], calls });
  const failed = drillResult(second, 1, { findings: [good, { ...good, isGood: false }], calls });
  assert.deepEqual([passed.verdict, failed.verdict], ['passed', 'failed']);
  assert.deepEqual([passed.tookMs, passed.calls], [1, calls]);
  assert.equal(drillResult(first, 1, { findings: [], calls }).hasPassed, false);
  assert.equal(drillReport([passed, failed]).hasPassed, false);
  assert.equal(drillReport([passed]).hasPassed, true);
  assert.equal(drillReport([]).hasPassed, false);
  assert.equal(drillReport([passed, brokenDrill(second, 1, 'why')]).hasPassed, false);
});

test('a drill that was not done for lack of something is named, and the whole has not passed', () => {
  const good = { what: 'x', isGood: true, seen: 'y' };
  const passed = drillResult('drain', 1, { findings: [good], calls: { sent: 1, failed: 0 } });
  const report = drillReport([passed, undoneDrill('ensemble-quorum-lost', '--zookeepers 3')]);
  assert.deepEqual([report.hasPassed, report.undone], [false, ['ensemble-quorum-lost']]);
  const [, undone] = report.drills;
  assert.deepEqual([undone?.verdict, undone?.needs], ['needs', '--zookeepers 3']);
});
