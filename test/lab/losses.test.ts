import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../src/lab/calls/call-log.js';
import type { CallReport } from '../../src/lab/calls/report.js';
import { judgeLosses } from '../../src/lab/losses.js';
import { parseRouted } from '../../src/lab/routed.js';

const KILLED = '127.0.30.1:5060';
const OTHER = '127.0.30.2:5060';

const call = (more: Partial<Call>): Call => ({
  callId: 'a',
  sentAtMs: 1_000,
  answeredAtMs: 1_010,
  node: KILLED,
  end: { kind: 'lost', atMs: 9_000, why: 'no answer to BYE' },
  ...more,
});

function check(calls: Call[], routed: [string, string][], counts: [number, number]): void {
  const report = { calls } as unknown as CallReport;
  const losses = judgeLosses(report, [{ node: KILLED, atMs: 2_000 }], new Map(routed));
  assert.deepEqual([losses.stoodOnIt.length, losses.others.length], counts);
}

test('a call that stood on the killed node is explained', () => check([call({})], [], [1, 0]));

test('a call on another node is not', () => check([call({ node: OTHER })], [], [0, 1]));

test('a call that was answered after the kill is not', () =>
  check([call({ answeredAtMs: 2_400 })], [], [0, 1]));

test('a call that had failed before the kill is not', () =>
  check([call({ end: { kind: 'lost', atMs: 1_500, why: 'BYE answered 481' } })], [], [0, 1]));

const unanswered = call({
  node: null,
  answeredAtMs: null,
  sentAtMs: 1_990,
  end: { kind: 'unanswered', atMs: 17_000 },
});

test('a call in setup stands where the dispatcher sent it last', () => {
  check([unanswered], [['a', KILLED]], [1, 0]);
  check([unanswered], [['a', OTHER]], [0, 1]);
  check([unanswered], [], [0, 1]);
});

test('a call that was sent long before the kill and never answered is no victim of it', () =>
  check([{ ...unanswered, sentAtMs: 100 }], [['a', KILLED]], [0, 1]));

test('completed calls are counted as delayed by their answer', () => {
  const done = call({ end: { kind: 'completed', atMs: 3_000 }, answeredAtMs: 2_010 });
  const report = { calls: [done] } as unknown as CallReport;
  assert.equal(judgeLosses(report, [], new Map()).delayed, 1);
});

test('the last destination in the log wins', () => {
  const log =
    '{"line":"NOTICE: <script>: dispatcher-1 routed INVITE 1-2@127.0.2.1 to sip:127.0.30.1:5060"}\n' +
    '{"line":"NOTICE: <script>: dispatcher-1 rerouted INVITE 1-2@127.0.2.1 to sip:127.0.30.2:5060"}\n';
  assert.deepEqual([...parseRouted(log)], [['1-2@127.0.2.1', '127.0.30.2:5060']]);
});
