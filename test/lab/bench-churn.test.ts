import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo } from '../../src/lab/bench/options-responder.js';
import { sumOf } from '../../src/lab/bench/read-metric.js';

const OPTIONS = [
  'OPTIONS sip:127.0.0.1:5060 SIP/2.0',
  'Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1',
  'From: <sip:a@b>;tag=1',
  'To: <sip:127.0.0.1>',
  'Call-ID: x',
  'CSeq: 10 OPTIONS',
  'Max-Forwards: 70',
  '',
  '',
].join('\r\n');

test('an OPTIONS is answered with its own Via, From, Call-ID and CSeq, and a tag in To', () => {
  assert.deepEqual(answerTo(OPTIONS)?.split('\r\n'), [
    'SIP/2.0 200 OK',
    'Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1',
    'From: <sip:a@b>;tag=1',
    'To: <sip:127.0.0.1>;tag=here',
    'Call-ID: x',
    'CSeq: 10 OPTIONS',
    'Content-Length: 0',
    '',
    '',
  ]);
});

test('anything else is not answered', () => {
  assert.equal(answerTo('INVITE sip:a@b SIP/2.0\r\n\r\n'), null);
  assert.equal(answerTo(''), null);
});

test('a metric is summed over its labels; one with a longer name is another', () => {
  const text = [
    '# HELP carna_reloads_total Reloads.',
    'carna_reloads_total{answer="ok"} 3',
    'carna_reloads_total{answer="failed"} 2',
    'carna_reloads_total_seconds 99',
  ].join('\n');
  assert.equal(sumOf(text, 'carna_reloads_total'), 5);
  assert.equal(sumOf(text, 'carna_other'), 0);
});
