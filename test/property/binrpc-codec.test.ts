import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { BinrpcParam } from '../../src/protocols/binrpc/body-codec.js';
import { decodeBody } from '../../src/protocols/binrpc/body-codec.js';
import type { BinrpcMessage } from '../../src/protocols/binrpc/codec.js';
import { BinrpcDecoder, encodeRequest } from '../../src/protocols/binrpc/codec.js';
import { readDispatcherList } from '../../src/protocols/binrpc/dispatcher-rpc.js';
import type { BinrpcMember, BinrpcValue } from '../../src/protocols/binrpc/value.js';
import { BinrpcFaultError, ProtocolError } from '../../src/util/errors.js';
import { recordedIn } from '../protocols/binrpc/transcripts.js';
import { holds } from './support/check.js';
import { accept, mutated } from './support/outside-input.js';

/** I9: whatever comes over the ctl socket is a value or refused by name; nothing else is ever thrown. */

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
