import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { BinrpcParam } from '../../src/protocols/binrpc/body-codec.js';
import { decodeBody } from '../../src/protocols/binrpc/body-codec.js';
import type { BinrpcMessage } from '../../src/protocols/binrpc/codec.js';
import { BinrpcDecoder, encodeRequest } from '../../src/protocols/binrpc/codec.js';
import { readDispatcherList } from '../../src/protocols/binrpc/dispatcher-rpc.js';
import type { BinrpcMember, BinrpcValue } from '../../src/protocols/binrpc/value.js';
import { answers, buildOptions, parseResponse } from '../../src/protocols/sip/message.js';
import type { NodeRecord } from '../../src/topology/node.js';
import {
  LOAD_CLASSES,
  NODE_KINDS,
  NODE_STATES,
  ROLES,
  TRANSPORTS,
} from '../../src/topology/node.js';
import * as codec from '../../src/topology/node-codec.js';
import { BinrpcFaultError, InvalidInputError, ProtocolError } from '../../src/util/errors.js';
import { record } from '../topology/records.js';
import { recordedIn } from '../protocols/binrpc/transcripts.js';
import { holds } from './support/check.js';

/** I9: whatever comes from outside is refused by name; nothing else is ever thrown. */

type Decode = (bytes: Uint8Array | null) => unknown;
const DECODERS: readonly Decode[] = [
  codec.decodeNodeRecord,
  codec.decodeIntentRecord,
  codec.decodeGenerationRecord,
  codec.decodeAppliedRecord,
  codec.decodeOverrideRecord,
];

/** Gives what was decoded, null when it was refused as it should be. */
function accept<T>(decode: () => T, refusal: new (...args: never[]) => Error): T | null {
  try {
    return decode();
  } catch (err) {
    if (err instanceof refusal) return null;
    throw err;
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const line = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', minLength, maxLength }).filter((text) => !/\p{Cc}/u.test(text));
const wallMs = fc.double({ min: 0, max: 1e15, noNaN: true });
const short = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);

const nodeRecords: fc.Arbitrary<NodeRecord> = fc.record({
  schema: fc.constant(1 as const),
  nodeId: short,
  instanceId: line(30, 1),
  role: fc.constantFrom(...ROLES),
  kind: fc.constantFrom(...NODE_KINDS),
  dc: short,
  sip: fc.array(
    fc.record({
      transport: fc.constantFrom(...TRANSPORTS),
      host: fc.oneof(
        fc.ipV4(),
        fc.ipV6().map((host) => `[${host}]`),
        fc.domain(),
      ),
      port: fc.integer({ min: 1, max: 65_535 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  state: fc.constantFrom(...NODE_STATES),
  reason: line(40),
  since: wallMs,
  weight: fc.integer({ min: 1, max: 100 }),
  maxSessions: fc.nat(),
  loadClass: fc.constantFrom(...LOAD_CLASSES),
  marathon: fc.option(fc.record({ taskId: short, appId: short, appVersion: short })),
  agent: fc.record({ version: short, http: fc.option(short) }),
  trace: fc.record({
    id: fc.stringMatching(/^[a-f0-9-]{8,36}$/),
    cause: line(40),
    from: fc.constantFrom(...NODE_STATES, 'gone' as const),
    actor: short,
    occurredAtMs: fc.option(wallMs),
    noticedAtMs: wallMs,
    publishedAtMs: wallMs,
  }),
});

holds('any bytes are a record or refused as invalid input', 2_000, () =>
  fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    for (const decode of DECODERS) accept(() => decode(bytes), InvalidInputError);
  }),
);

holds('any JSON is a record or refused as invalid input', 1_500, () =>
  fc.property(fc.jsonValue(), fc.boolean(), (value, isVersioned) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const text = JSON.stringify(isObject && isVersioned ? { ...value, schema: 1 } : value);
    for (const decode of DECODERS) accept(() => decode(utf8(text)), InvalidInputError);
  }),
);

holds('a record with one field of any other value is read or refused, never half read', 1_500, () =>
  fc.property(nodeRecords, fc.nat(), fc.jsonValue(), (node, at, value) => {
    const fields: Record<string, unknown> = { ...node };
    const names = Object.keys(fields);
    fields[names[at % names.length] ?? ''] = value;
    const read = accept(
      () => codec.decodeNodeRecord(utf8(JSON.stringify(fields))),
      InvalidInputError,
    );
    if (read !== null) assert.ok(codec.encodeNodeRecord(read).length <= 1_024);
  }),
);

holds('what is written is read as it was', 1_000, () =>
  fc.property(nodeRecords, (node) => {
    const bytes = accept(() => codec.encodeNodeRecord(node), InvalidInputError);
    if (bytes === null) return;
    const read = codec.decodeNodeRecord(bytes);
    assert.deepEqual(
      { ...read, reason: '', trace: { ...read.trace, cause: '' } },
      {
        ...(JSON.parse(JSON.stringify(node)) as object),
        reason: '',
        trace: { ...(JSON.parse(JSON.stringify(node.trace)) as object), cause: '' },
      },
    );
    if (JSON.stringify(node).length < 700) assert.deepEqual(read.trace.cause, node.trace.cause);
    assert.deepEqual(codec.encodeNodeRecord(read), bytes, 'written again it is the same');
  }),
);

/** A few bytes of `bytes` replaced, taken out or put in. */
const mutated = (bytes: Uint8Array): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), put: fc.uint8Array({ maxLength: 3 }) }),
      {
        maxLength: 4,
      },
    )
    .map((edits) =>
      edits.reduce((now, { at, cut, put }) => {
        const start = now.length === 0 ? 0 : at % now.length;
        return Buffer.concat([now.subarray(0, start), put, now.subarray(start + cut)]);
      }, Buffer.from(bytes)),
    );

holds('a record with bytes broken on the way is read or refused', 1_000, () =>
  fc.property(mutated(codec.encodeNodeRecord(record('m1'))), (bytes) => {
    accept(() => codec.decodeNodeRecord(bytes), InvalidInputError);
  }),
);

const RESPONSE = utf8(
  'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKb\r\nf: <sip:a@b>;tag=1\r\nCall-ID: c@127.0.0.1\r\nCSeq: 1 OPTIONS\r\n\r\n',
);
const REQUEST = { targetHost: 'a', targetPort: 1, localHost: '127.0.0.1', localPort: 1 };

holds('any datagram is a SIP response or refused', 2_000, () =>
  fc.property(
    fc.oneof(
      mutated(RESPONSE),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    ),
    (datagram) => {
      const response = accept(() => parseResponse(Buffer.from(datagram)), ProtocolError);
      if (response === null) return;
      assert.ok(response.status >= 100 && response.status < 700);
      assert.ok(response.headers.every((h) => typeof h.name === 'string'));
      answers(response, { ...REQUEST, branchToken: 'b', fromTag: 'f', callId: 'c', cseq: 1 });
    },
  ),
);

holds('a header of any name is read as text', 1_000, () =>
  fc.property(
    fc.oneof(fc.constantFrom('constructor', '__proto__', 'valueof'), fc.string()),
    fc.string(),
    (name, value) => {
      const datagram = Buffer.from(`SIP/2.0 200 OK\r\n${name}: ${value}\r\n\r\n`);
      const response = accept(() => parseResponse(datagram), ProtocolError);
      for (const header of response?.headers ?? []) assert.equal(typeof header.name, 'string');
    },
  ),
);

holds('an OPTIONS is built from any words, or they are refused', 1_000, () =>
  fc.property(fc.string(), fc.string(), fc.integer(), (host, callId, port) => {
    const given = { ...REQUEST, targetHost: host, targetPort: port, callId };
    accept(
      () => buildOptions({ ...given, branchToken: 'b', fromTag: 'f', cseq: 1 }),
      InvalidInputError,
    );
  }),
);

const REPLY = recordedIn('10_')[0]?.reply ?? Buffer.alloc(0);

/** Cuts `bytes` at each of the places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length];
  const sorted = at.sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}

function decodeAll(chunks: readonly Buffer[]): BinrpcMessage[] {
  const decoder = new BinrpcDecoder();
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

holds('a reply is the same however it is split', 300, () =>
  fc.property(fc.array(fc.nat(), { maxLength: 12 }), (cuts) => {
    assert.deepEqual(decodeAll(pieces(REPLY, cuts)), decodeAll([REPLY]));
  }),
);

holds(
  'any bytes on the ctl socket are messages or end the stream with a ProtocolError',
  2_000,
  () =>
    fc.property(
      fc.oneof(
        mutated(REPLY),
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      ),
      fc.array(fc.nat(), { maxLength: 3 }),
      (bytes, cuts) => {
        accept(() => decodeAll(pieces(Buffer.from(bytes), cuts)), ProtocolError);
        accept(() => decodeBody(Buffer.from(bytes)), ProtocolError);
      },
    ),
);

holds('a request of any words is bytes or a RangeError', 1_000, () =>
  fc.property(
    fc.nat(),
    fc.string({ unit: 'binary' }),
    fc.array(
      fc.oneof<fc.Arbitrary<BinrpcParam>[]>(
        fc.integer(),
        fc.double(),
        fc.string(),
        fc.double().map((double) => ({ double })),
      ),
    ),
    (cookie, method, params) => {
      accept(() => encodeRequest(cookie, method, params), RangeError);
    },
  ),
);

const values = fc.letrec<{ value: BinrpcValue; member: BinrpcMember }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.integer().map((value): BinrpcValue => ({ kind: 'int', value })),
    fc.string().map((value): BinrpcValue => ({ kind: 'string', value })),
    fc
      .array(tie('member'), { maxLength: 6 })
      .map((members): BinrpcValue => ({ kind: 'struct', members })),
  ),
  member: fc.record({
    name: fc.option(
      fc.constantFrom(
        'NRSETS',
        'RECORDS',
        'SET',
        'ID',
        'TARGETS',
        'DEST',
        'URI',
        'FLAGS',
        'PRIORITY',
        'ATTRS',
        'BODY',
      ),
    ),
    value: tie('value'),
  }),
})).value;

holds('any values in the place of a list are destinations or refused', 2_000, () =>
  fc.asyncProperty(fc.array(values, { maxLength: 2 }), async (reply) => {
    try {
      await readDispatcherList({ call: () => Promise.resolve(reply) });
    } catch (err) {
      assert.ok(err instanceof ProtocolError || err instanceof BinrpcFaultError, String(err));
    }
  }),
);
