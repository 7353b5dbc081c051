import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../../src/lab/calls/call-log.js';
import { nodeOf, readAborts, readCallLog } from '../../../src/lab/calls/call-log.js';

const line = (event: string, sec: number, usec: number, detail = '-', callId = 'a@h'): string =>
  `carna-call ${event} ${callId} ${sec}.000000 ${usec}.000000 ${detail}`;
const SENT = line('sent', 10, 1_500);
const ANSWERED = line('answered', 10, 4_000, 'sip:media@127.0.1.7:5080;transport=udp');

function check(lines: readonly string[], expected: Partial<Call> | undefined): void {
  const call = readCallLog(new Map(), lines).get('a@h');
  if (expected === undefined) assert.equal(call, undefined);
  else assert.deepEqual(call, { ...NEW, ...expected });
}

const NEW: Call = {
  callId: 'a@h',
  sentAtMs: 10_001.5,
  answeredAtMs: null,
  node: null,
  end: null,
};
const STANDING = { answeredAtMs: 10_004, node: '127.0.1.7:5080' };

test('a call that was sent', () => check([SENT], {}));
test('a call that was answered stands on the node of the Contact', () =>
  check([SENT, ANSWERED], STANDING));
test('a call that came to its end', () =>
  check([SENT, ANSWERED, line('ended', 11, 0, '200')], {
    ...STANDING,
    end: { kind: 'completed', atMs: 11_000 },
  }));
test('a call that was refused', () =>
  check([SENT, line('refused', 10, 9_000, '486')], {
    end: { kind: 'refused', atMs: 10_009, status: 486 },
  }));
test('a call that nobody answered', () =>
  check([SENT, line('unanswered', 25, 0, 'silence')], {
    end: { kind: 'unanswered', atMs: 25_000 },
  }));
test('a call whose BYE was refused', () =>
  check([SENT, ANSWERED, line('lost', 12, 0, '481')], {
    ...STANDING,
    end: { kind: 'lost', atMs: 12_000, why: 'BYE answered 481' },
  }));
test('a call whose BYE met silence', () =>
  check([SENT, ANSWERED, line('lost', 12, 0, 'silence')], {
    ...STANDING,
    end: { kind: 'lost', atMs: 12_000, why: 'no answer to BYE' },
  }));
test('the first end counts', () =>
  check([SENT, line('unanswered', 25, 0, 'silence'), line('refused', 26, 0, '487')], {
    end: { kind: 'unanswered', atMs: 25_000 },
  }));
test('lines of others and half lines are passed over', () =>
  check(
    ['', 'carna-call', 'carna-call sent', 'Resolving remote host', 'carna-call sent a@h x y z'],
    undefined,
  ));
test('an event of a call that was never sent is passed over', () => check([ANSWERED], undefined));
test('an event that nobody knows changes nothing', () => check([SENT, line('danced', 11, 0)], {}));

test('the log may come in pieces, and what was read is not changed', () => {
  const first = readCallLog(new Map(), [SENT]);
  const second = readCallLog(first, [ANSWERED, line('sent', 10, 7_000, '-', 'b@h')]);
  assert.equal(first.get('a@h')?.node, null);
  assert.deepEqual([...second.keys()], ['a@h', 'b@h']);
  assert.equal(second.get('a@h')?.node, '127.0.1.7:5080');
});

test('what sipp gave up by itself ends with its reason, although its messages run into one line', () => {
  const calls = readCallLog(new Map(), [
    SENT,
    line('sent', 10, 2_000, '-', 'b@h'),
    line('ended', 11, 0, '200', 'b@h'),
  ]);
  const errors =
    "2026-01-01\t00:00:12.250000\t12.250000: Aborting call on unexpected message for Call-Id 'a@h': while " +
    "expecting '200', received 'BYE'2026-01-01\t00:00:13.0\t13.000000: Aborting call on UDP retransmission " +
    "timeout for Call-ID 'b@h'2026-01-01\t00:00:13.0\t13.000000: Aborting call on x for Call-ID 'nobody'";
  const ended = readAborts(calls, errors);
  assert.deepEqual(ended.get('a@h')?.end, {
    kind: 'aborted',
    atMs: 12_250,
    why: 'unexpected message',
  });
  assert.equal(ended.get('b@h')?.end?.kind, 'completed');
  assert.equal(ended.size, 2);
});

test('a far end that hangs up first is told as such', () => {
  const calls = readCallLog(new Map(), [SENT, line('sent', 10, 2_000, '-', '2-7@127.0.0.1')]);
  const text = (callId: string): string =>
    `12.250000: Aborting call on an unexpected BYE for call: ${callId}`;
  const ended = readAborts(calls, `${text('2-7@127.0.0.1')}2026-01-01\t00:00:13.0\t${text('a@h')}`);
  const aborted = { kind: 'aborted', atMs: 12_250, why: 'unexpected BYE' };
  assert.deepEqual(
    [...ended.values()].map((call) => call.end),
    [aborted, aborted],
  );
});

test('host and port of a Contact', () => {
  assert.equal(nodeOf('sip:127.0.0.9:5062'), '127.0.0.9:5062');
  assert.equal(nodeOf('sip:media@10.0.0.1'), '10.0.0.1:5060');
  assert.equal(nodeOf('sip:[::1]:5070;ob'), '[::1]:5070');
  assert.equal(nodeOf('tel:+49301234'), null);
  assert.equal(nodeOf(''), null);
});
