import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call, CallEnd } from '../../../src/lab/calls/call-log.js';
import { progressOf, reportCalls } from '../../../src/lab/calls/report.js';

const DONE: CallEnd = { kind: 'completed', atMs: 9_000 };

function call(callId: string, pdd: number | null, node: string | null, end: CallEnd | null): Call {
  const answeredAtMs = pdd === null ? null : 1_000 + pdd;
  return { callId, sentAtMs: 1_000, answeredAtMs, node, end };
}

const calls = (...list: readonly Call[]): ReadonlyMap<string, Call> =>
  new Map(list.map((c) => [c.callId, c]));

const MIXED = calls(
  call('a', 3, 'x:1', DONE),
  call('b', 5, 'y:1', DONE),
  call('c', 1_004, 'x:1', { kind: 'lost', atMs: 9_000, why: 'no answer to BYE' }),
  call('d', null, null, { kind: 'refused', atMs: 2_000, status: 503 }),
  call('e', null, null, { kind: 'unanswered', atMs: 2_000 }),
  call('f', 7, 'y:1', null),
  call('g', null, null, { kind: 'aborted', atMs: 2_000, why: 'unexpected message' }),
);

test('every call is counted once', () => {
  const r = reportCalls(MIXED);
  const parts = [r.completed, r.refused, r.unanswered, r.lost, r.aborted, r.unfinished];
  assert.deepEqual(parts, [2, 1, 1, 1, 1, 1]);
  assert.equal(r.sent, 7);
});

test('failed calls say where they stood and why', () => {
  assert.deepEqual(
    reportCalls(MIXED).failed.map((f) => `${f.callId} ${f.node}: ${f.why}`),
    [
      'c x:1: no answer to BYE',
      'd null: answered 503',
      'e null: no answer to INVITE',
      'f y:1: cut off by the end of the run',
      'g null: given up by the caller: unexpected message',
    ],
  );
});

test('calls for each media node', () =>
  assert.deepEqual(reportCalls(MIXED).nodes, [
    { node: 'x:1', answered: 2, failed: 1 },
    { node: 'y:1', answered: 2, failed: 1 },
  ]));

test('post-dial delay by nearest rank, of answered calls only', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => call(`c${i}`, 100 - i, 'x:1', DONE));
  assert.deepEqual(reportCalls(calls(...hundred)).pdd, {
    n: 100,
    medianMs: 50,
    p90Ms: 90,
    p99Ms: 99,
    maxMs: 100,
  });
  assert.equal(
    reportCalls(calls(call('e', null, null, { kind: 'unanswered', atMs: 2_000 }))).pdd,
    null,
  );
  assert.deepEqual(reportCalls(calls(call('a', 3, 'x:1', DONE))).pdd, {
    n: 1,
    medianMs: 3,
    p90Ms: 3,
    p99Ms: 3,
    maxMs: 3,
  });
});

test('progress of a run under way', () =>
  assert.deepEqual(progressOf(MIXED), { sent: 7, current: 1, completed: 2, failed: 4 }));
