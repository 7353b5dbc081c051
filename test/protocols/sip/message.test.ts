import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OptionsRequest } from '../../../src/protocols/sip/message.js';
import { answers, buildOptions, parseResponse } from '../../../src/protocols/sip/message.js';
import { InvalidInputError, ProtocolError } from '../../../src/util/errors.js';

const REQUEST: OptionsRequest = {
  targetHost: '127.0.0.2',
  targetPort: 5060,
  localHost: '127.0.0.1',
  localPort: 40_000,
  branchToken: 'b1',
  fromTag: 'f1',
  callId: 'c1',
  cseq: 7,
};

const RESPONSE = [
  'SIP/2.0 200 OK',
  'Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bKb1;rport=40000',
  'To: <sip:127.0.0.2:5060>;tag=x',
  'Call-ID: c1@127.0.0.1',
  'CSeq: 7 OPTIONS',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const parse = (text: string): ReturnType<typeof parseResponse> => parseResponse(Buffer.from(text));

test('the request, line by line', () => {
  assert.deepEqual(buildOptions(REQUEST).split('\r\n'), [
    'OPTIONS sip:127.0.0.2:5060 SIP/2.0',
    'Via: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bKb1;rport',
    'Max-Forwards: 70',
    'From: <sip:ping@127.0.0.1:40000>;tag=f1',
    'To: <sip:127.0.0.2:5060>',
    'Call-ID: c1@127.0.0.1',
    'CSeq: 7 OPTIONS',
    'Contact: <sip:ping@127.0.0.1:40000>',
    'Accept: application/sdp',
    'Content-Length: 0',
    '',
    '',
  ]);
});

test('an IPv6 address stands in brackets', () =>
  assert.match(buildOptions({ ...REQUEST, targetHost: '::1' }), /^OPTIONS sip:\[::1\]:5060 /));

for (const wrong of [
  { targetHost: 'a\r\nX: y' },
  { targetHost: '' },
  { localHost: 'a b' },
  { targetPort: 0 },
  { localPort: 65_536 },
  { branchToken: 'a;b' },
  { callId: '' },
]) {
  test(`refused: ${JSON.stringify(wrong)}`, () =>
    assert.throws(() => buildOptions({ ...REQUEST, ...wrong }), InvalidInputError));
}

test('its own answer is recognised, in long, short and folded headers', () => {
  assert.equal(answers(parse(RESPONSE), REQUEST), true);
  const short = RESPONSE.replace('Via:', 'v :').replace('Call-ID:', 'i:');
  assert.equal(answers(parse(short), REQUEST), true);
  const folded = RESPONSE.replace(';branch', '\r\n ;branch').replace('CSeq: 7', 'cseq:\r\n\t7');
  assert.equal(answers(parse(folded), REQUEST), true);
});

for (const [part, other] of [
  ['z9hG4bKb1', 'z9hG4bKb2'],
  ['c1@', 'c2@'],
  ['7 OPTIONS', '8 OPTIONS'],
  ['7 OPTIONS', '7 INVITE'],
  ['Via:', 'Viax:'],
] as const) {
  test(`an answer to another request: ${other}`, () =>
    assert.equal(answers(parse(RESPONSE.replace(part, other)), REQUEST), false));
}

for (const garbage of [
  '',
  'SIP/2.0 200 OK',
  'SIP/2.0 20 OK\r\n\r\n',
  'SIP/2.0 700 OK\r\n\r\n',
  'SIP/3.0 200 OK\r\n\r\n',
  'OPTIONS sip:x SIP/2.0\r\n\r\n',
  'SIP/2.0 200 OK\r\nno header\r\n\r\n',
  'SIP/2.0 200 OK\r\n: x\r\n\r\n',
]) {
  test(`garbage: ${JSON.stringify(garbage)}`, () =>
    assert.throws(() => parse(garbage), ProtocolError));
}

test('random changes of an answer are read or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.nat(RESPONSE.length - 1), fc.uint8Array({ maxLength: 3 }), (at, bytes) => {
      const datagram = Buffer.from(RESPONSE);
      datagram.set(bytes.subarray(0, datagram.length - at), at);
      try {
        parseResponse(datagram);
      } catch (err) {
        if (!(err instanceof ProtocolError)) throw err;
      }
    }),
    { numRuns: 2000 },
  );
});
