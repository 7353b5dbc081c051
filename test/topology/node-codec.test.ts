import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Endpoint } from '../../src/topology/node.js';
import { destinationUri } from '../../src/topology/node.js';
import {
  MAX_NODE_RECORD_BYTES,
  decodeAppliedRecord,
  decodeGenerationRecord,
  decodeIntentRecord,
  decodeNodeRecord,
  encodeAppliedRecord,
  encodeGenerationRecord,
  encodeIntentRecord,
  encodeNodeRecord,
} from '../../src/topology/node-codec.js';
import { InvalidInputError } from '../../src/util/errors.js';
import { appliedRecord, generationRecord, intentRecord, nodeRecord } from '../registry/records.js';

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function checkRefused(input: Uint8Array | null, why: RegExp): void {
  assert.throws(
    () => decodeNodeRecord(input),
    (err) => err instanceof InvalidInputError && why.test(err.message),
  );
}

test('every kind of record comes back as it was written', () => {
  const marathon = { taskId: 't', appId: '/sip/media', appVersion: '2026-01-01T00:00:00Z' };
  for (const record of [nodeRecord(), nodeRecord({ marathon, state: 'draining' })]) {
    assert.deepEqual(decodeNodeRecord(encodeNodeRecord(record)), record);
  }
  assert.deepEqual(decodeIntentRecord(encodeIntentRecord(intentRecord())), intentRecord());
  assert.deepEqual(
    decodeGenerationRecord(encodeGenerationRecord(generationRecord())),
    generationRecord(),
  );
  assert.deepEqual(decodeAppliedRecord(encodeAppliedRecord(appliedRecord())), appliedRecord());
});

test('fields of a later version are ignored', () => {
  const later = { ...nodeRecord(), colour: 'blue', agent: { ...nodeRecord().agent, pid: 1 } };
  assert.deepEqual(decodeNodeRecord(bytes(later)), nodeRecord());
});

test('another schema is refused by name', () => {
  checkRefused(bytes({ ...nodeRecord(), schema: 2 }), /it has schema 2, this Carna reads schema 1/);
  checkRefused(bytes({ ...nodeRecord(), schema: undefined }), /no schema/);
});

test('garbage is refused', () => {
  checkRefused(null, /empty/);
  checkRefused(new Uint8Array(0), /empty/);
  checkRefused(new Uint8Array([0xff, 0xfe, 0x00]), /no JSON text/);
  checkRefused(bytes(nodeRecord()).subarray(0, 100), /no JSON text/);
  checkRefused(bytes([1, 2]), /no JSON object/);
  checkRefused(bytes('text'), /no JSON object/);
});

test('an oversized record is refused before it is parsed', () =>
  checkRefused(bytes({ ...nodeRecord(), padding: 'x'.repeat(2_000) }), /at most 1024/));

for (const [field, value] of [
  ['nodeId', 'a/b'],
  ['nodeId', ''],
  ['role', 'proxy'],
  ['kind', 'asterisk'],
  ['state', 'gone'],
  ['sip', []],
  ['weight', 0],
  ['weight', 101],
  ['since', 'yesterday'],
  ['since', -1],
  ['reason', 'two\nlines'],
  ['reason', 'a nought \u0000'],
  ['reason', 'half a character \ud83d'],
  ['reason', 'the other half \udea7 of one'],
  ['trace', null],
  ['maxSessions', 1.5],
] as const) {
  test(`a wrong ${field} is named: ${JSON.stringify(value)}`, () =>
    checkRefused(bytes({ ...nodeRecord(), [field]: value }), new RegExp(field)));
}

test('texts for people are shortened to fit, the rest never', () => {
  const reason = 'ä"\\'.repeat(300);
  const cause = 'its process was killed '.repeat(40);
  const record = nodeRecord({ reason, trace: { ...nodeRecord().trace, cause } });
  const encoded = encodeNodeRecord(record);
  assert.ok(encoded.length <= MAX_NODE_RECORD_BYTES);
  const back = decodeNodeRecord(encoded);
  assert.ok(reason.startsWith(back.reason.replace(/\.\.\.$/, '')));
  assert.ok(cause.startsWith(back.trace.cause.replace(/\.\.\.$/, '')));
  assert.deepEqual({ ...back, reason, trace: record.trace }, record);
  assert.throws(() => encodeNodeRecord(nodeRecord({ nodeId: 'x'.repeat(255), instanceId: '' })));
  const wide = Array.from({ length: 8 }, (_, at) => ({
    transport: 'udp' as const,
    host: `${'h'.repeat(60)}.${'i'.repeat(60)}.example`,
    port: 5060 + at,
  }));
  assert.throws(() => encodeNodeRecord(nodeRecord({ sip: wide })), /at most 1024/);
});

test('whatever text is given, a record fits or is refused', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 700, unit: 'grapheme' }),
      fc.string({ maxLength: 700, unit: 'binary' }),
      (reason, cause) => {
        const trace = { ...nodeRecord().trace, cause };
        try {
          const encoded = encodeNodeRecord(nodeRecord({ reason, trace }));
          assert.ok(encoded.length <= MAX_NODE_RECORD_BYTES);
          decodeNodeRecord(encoded);
        } catch (err) {
          assert.ok(err instanceof InvalidInputError);
          assert.match(reason + cause, /[\p{Cc}\p{Cs}]/u);
        }
      },
    ),
  );
});

const accepts = (endpoint: unknown): boolean => {
  try {
    decodeNodeRecord(bytes({ ...nodeRecord(), sip: [endpoint] }));
    return true;
  } catch (err) {
    assert.ok(err instanceof InvalidInputError);
    return false;
  }
};

for (const host of ['10.0.0.1', 'media-1.fra1.example', '[2001:db8::1]', 'localhost']) {
  test(`host taken: ${host}`, () => assert.ok(accepts({ transport: 'udp', host, port: 5060 })));
}

for (const host of [
  '',
  '10.0.0.256',
  '10.0.1',
  '2001:db8::1',
  '[2001::db8::1]',
  'a b',
  'a;b=c',
  'a@b',
  'a>b',
  'sip:a',
  '-a',
  'a..b',
  'a:1',
  'ä.example',
  'a?b',
  'x'.repeat(254),
]) {
  test(`host refused: ${JSON.stringify(host.slice(0, 20))}`, () =>
    assert.ok(!accepts({ transport: 'udp', host, port: 5060 })));
}

for (const port of [0, 65_536, 1.5, '5060', null]) {
  test(`port refused: ${JSON.stringify(port)}`, () =>
    assert.ok(!accepts({ transport: 'udp', host: '10.0.0.1', port })));
}

test('an accepted endpoint always gives a SIP URI', () => {
  const uri = /^sip:([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}(;transport=(tcp|tls))?$/;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().map((ip) => `[${ip}]`),
      ),
      fc.integer({ min: -1, max: 70_000 }),
      fc.constantFrom('udp', 'tcp', 'tls', 'ws'),
      (host, port, transport) => {
        const endpoint = { host, port, transport };
        if (accepts(endpoint)) assert.match(destinationUri(endpoint as Endpoint), uri);
      },
    ),
  );
});

test('the other records have their limit', () => {
  const sets = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [at, 'h'.repeat(100)]));
  assert.throws(() => encodeGenerationRecord(generationRecord({ sets })), /at most 65536/);
  assert.throws(() => decodeIntentRecord(bytes({ ...intentRecord(), want: 'stop' })), /want/);
  assert.throws(() => encodeAppliedRecord(appliedRecord({ generation: -1 })), /generation/);
  const traces = Array.from({ length: 101 }, () => ({ id: 'a', generation: 1 }));
  assert.throws(() => encodeGenerationRecord(generationRecord({ traces })), /traces/);
});
