import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Trunk } from '../../src/topology/trunk.js';
import {
  byPreference,
  parseAddedDigits,
  parsePrefix,
  parseTrunkName,
  parseTrunkUri,
  triesFor,
  trunkFaults,
  trunkUri,
} from '../../src/topology/trunk.js';

function trunk(name: string, more: Partial<Trunk> = {}): Trunk {
  return {
    name,
    host: '203.0.113.5',
    port: 5060,
    transport: 'udp',
    prefix: '+44',
    priority: 0,
    weight: 1,
    cap: 0,
    source: false,
    strip: 0,
    add: '',
    ...more,
  };
}

for (const [text, host, port, transport] of [
  ['sip:203.0.113.5', '203.0.113.5', 5060, 'udp'],
  ['sip:sip.Example.net:5080', 'sip.example.net', 5080, 'udp'],
  ['SIP:a;transport=TCP', 'a', 5060, 'tcp'],
  ['sip:a.b;transport=tls', 'a.b', 5061, 'tls'],
  ['sip:a.b:5062;transport=tls', 'a.b', 5062, 'tls'],
] as const) {
  test(`${text} is an address of a trunk`, () =>
    assert.deepEqual(parseTrunkUri(text), { kind: 'ok', value: { host, port, transport } }));
}

for (const bad of [
  '203.0.113.5',
  'sips:a',
  'sip:',
  'sip:user@a',
  'sip:a:0',
  'sip:a:65536',
  'sip:a;transport=sctp',
  'sip:256.1.1.1',
  'sip:1.2.3',
  'sip:a..b',
  'sip:-a',
  'sip:a?x=y',
  'sip:a\r\nx',
]) {
  test(`${JSON.stringify(bad)} is none`, () => assert.equal(parseTrunkUri(bad).kind, 'fault'));
}

test('names, prefixes and digits put in front', () => {
  const kinds = (parse: (text: string) => { readonly kind: string }, texts: string[]): string[] =>
    texts.map((text) => parse(text).kind);
  assert.deepEqual(kinds(parseTrunkName, ['a', 'carrier-a_2']), ['ok', 'ok']);
  assert.deepEqual(new Set(kinds(parseTrunkName, ['', 'A', '-a', 'a b', 'a'.repeat(33)])).size, 1);
  assert.deepEqual(kinds(parsePrefix, ['+', '+44', '+123456789012345']), ['ok', 'ok', 'ok']);
  assert.equal(kinds(parsePrefix, ['', '44', '+44x', '+1234567890123456']).includes('ok'), false);
  assert.match(JSON.stringify(parsePrefix('+44,+49')), /one prefix/);
  assert.deepEqual(kinds(parseAddedDigits, ['', '00', '+1', '*9#']), ['ok', 'ok', 'ok', 'ok']);
  assert.equal(kinds(parseAddedDigits, ['1+', 'a', '0'.repeat(17)]).includes('ok'), false);
});

test('a trunk that no call would pass is refused, and a source without an address', () => {
  assert.deepEqual(trunkFaults(trunk('a')), []);
  assert.deepEqual(trunkFaults(trunk('a', { weight: 0, source: true })), []);
  assert.match(trunkFaults(trunk('a', { weight: 0 })).join(), /found neither/);
  assert.match(trunkFaults(trunk('a', { source: true, host: 'sip.example' })).join(), /IPv4/);
});

test('a number tries the longest prefix first, then priority, then by weight', () => {
  const all = [
    trunk('any', { prefix: '+', strip: 1, add: '00' }),
    trunk('uk-low', { priority: 1 }),
    trunk('uk-a', { priority: 5, weight: 3 }),
    trunk('uk-b', { priority: 5, weight: 1 }),
    trunk('london', { prefix: '+4420', strip: 3, add: '0' }),
    trunk('source', { weight: 0, source: true }),
    trunk('de', { prefix: '+49' }),
  ];
  const seen = triesFor('+442079460123', all).map(
    ({ trunk: { name }, rank, share, sent }) => `${rank} ${name} ${share} ${sent}`,
  );
  assert.deepEqual(seen, [
    '1 london 1 02079460123',
    '2 uk-a 0.75 +442079460123',
    '2 uk-b 0.25 +442079460123',
    '3 uk-low 1 +442079460123',
    '4 any 1 00442079460123',
  ]);
  assert.deepEqual(triesFor('+33123456', [trunk('uk')]), []);
});

test('a list keeps those of one prefix together, in the order of tries', () => {
  const all = [trunk('b'), trunk('c', { priority: 9 }), trunk('z', { prefix: '+' }), trunk('a')];
  assert.deepEqual(
    [...all].sort(byPreference).map(({ name }) => name),
    ['z', 'c', 'a', 'b'],
  );
});

test('the URI of a trunk names its transport unless it is UDP', () => {
  assert.equal(trunkUri(trunk('a')), 'sip:203.0.113.5:5060');
  assert.equal(trunkUri(trunk('a', { transport: 'tls' })), 'sip:203.0.113.5:5060;transport=tls');
});
