import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeBody, MAX_NESTING, MAX_RECORDS } from '../../../src/protocols/binrpc/body-codec.js';
import { BinrpcDecoder } from '../../../src/protocols/binrpc/codec.js';
import { ProtocolError } from '../../../src/util/errors.js';
import { decode, hex, RUNS } from './codec-rig.js';
import { recordedExchanges } from './transcripts.js';

const MALFORMED: readonly (readonly [string, string])[] = [
  ['wrong magic', 'b1 10 00 00'],
  ['wrong version', 'a2 10 00 00'],
  ['a request from the server', 'a1 00 00 01'],
  ['an unknown message type', 'a1 20 00 01'],
  ['a length of 4 GB', 'a1 1c ff ff ff ff 01'],
  ['an int of five bytes', 'a1 10 06 01 50 01 02 03 04 05'],
  ['a long int of five bytes', 'a1 10 07 01 90 05 01 02 03 04 05'],
  ['a double of nine bytes', 'a1 10 0a 01 92 01 02 03 04 05 06 07 08 09'],
  ['a string without NUL', 'a1 10 04 01 31 61 62 63'],
  ['a string of no bytes', 'a1 10 01 01 01'],
  ['a string beyond the body', 'a1 10 03 01 91 08 61'],
  ['a length of seven bytes', 'a1 10 09 01 f1 00 00 00 00 00 00 01 00'],
  ['a length of no bytes', 'a1 10 01 01 81'],
  ['an unknown record type', 'a1 10 01 01 07'],
  ['a struct that does not end', 'a1 10 01 01 03'],
  ['an end without a struct', 'a1 10 01 01 83'],
  ['an array ended as a struct', 'a1 10 02 01 04 83'],
  ['a struct mark with a size', 'a1 10 02 01 13 83'],
  ['a name outside a struct', 'a1 10 04 01 35 49 44 00'],
  ['a name in an array', 'a1 10 06 01 04 35 49 44 00 84'],
  ['a name without a value', 'a1 10 06 01 03 35 49 44 00 83'],
  ['two names', 'a1 10 0b 01 03 35 49 44 00 35 49 44 00 00 83'],
  ['a fault without text', 'a1 30 03 01 20 01 f4'],
  ['a fault that is a string', 'a1 30 02 01 11 00'],
];

for (const [name, bytes] of MALFORMED) {
  test(`refused: ${name}`, () => assert.throws(() => decode(hex(bytes)), ProtocolError));
}

test('nesting is limited', () => {
  const nested = (depth: number): Buffer =>
    Buffer.concat([Buffer.alloc(depth, 0x03), Buffer.alloc(depth, 0x83)]);
  assert.equal(decodeBody(nested(MAX_NESTING)).length, 1);
  assert.throws(() => decodeBody(nested(MAX_NESTING + 1)), ProtocolError);
  assert.throws(() => decodeBody(nested(100_000)), ProtocolError);
});

test('the number of records is limited', () => {
  assert.equal(decodeBody(Buffer.alloc(MAX_RECORDS)).length, MAX_RECORDS);
  assert.throws(() => decodeBody(Buffer.alloc(MAX_RECORDS + 1)), ProtocolError);
});

test('the limit of a body is the one given', () => {
  const reply = hex('a1 10 02 01 11 00');
  assert.equal(new BinrpcDecoder(2).push(reply).length, 1);
  assert.throws(() => new BinrpcDecoder(1).push(reply), /2 bytes, more than the limit of 1/);
});

test('random bytes after a good header give values or a ProtocolError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
      const bytes = Buffer.concat([Buffer.from([0xa1, 0x10, body.length, 1]), body]);
      try {
        assert.equal(decode(bytes).length, 1);
      } catch (err) {
        if (!(err instanceof ProtocolError)) throw err;
      }
    }),
    RUNS,
  );
});

test('recorded replies with random bytes overwritten give messages or a ProtocolError', () => {
  const replies = recordedExchanges()
    .map((r) => r.reply)
    .filter((reply) => reply.length < 2000);
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...replies), flips, (reply, changes) => {
      const bytes = Buffer.from(reply);
      for (const [at, to] of changes) bytes[at % bytes.length] = to;
      try {
        decode(bytes);
      } catch (err) {
        if (!(err instanceof ProtocolError)) throw err;
      }
    }),
    RUNS,
  );
});
