import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BinrpcParam } from '../../../src/protocols/binrpc/body-codec.js';
import { decodeBody, encodeParam } from '../../../src/protocols/binrpc/body-codec.js';
import { encodeRequest } from '../../../src/protocols/binrpc/codec.js';
import { decode, hex, RUNS } from './codec-rig.js';
import { notation } from './transcripts.js';

/** test/fixtures/binrpc/63_encodings.txt, line by line. */
const ENCODINGS: readonly (readonly [BinrpcParam, string])[] = [
  [0, '00'],
  [7, '10 07'],
  [255, '10 ff'],
  [256, '20 01 00'],
  [65536, '30 01 00 00'],
  [-1, '40 ff ff ff ff'],
  [2147483648, '40 80 00 00 00'],
  ['', '11 00'],
  ['abc', '41 61 62 63 00'],
  ['abcdef', '71 61 62 63 64 65 66 00'],
  ['abcdefg', '91 08 61 62 63 64 65 66 67 00'],
  ['x'.repeat(300), `a1 01 2d ${'78'.repeat(300)} 00`],
  [{ double: 0 }, '02'],
  [{ double: 1.5 }, '22 05 dc'],
  [{ double: -1.5 }, '82 ff ff ff ff ff ff fa 24'],
];

for (const [param, bytes] of ENCODINGS) {
  test(`encodes ${JSON.stringify(param).slice(0, 30)}`, () => {
    assert.deepEqual(encodeParam(param), hex(bytes));
    const [value] = decodeBody(hex(bytes)).map(notation);
    const wanted = typeof param === 'object' ? param.double : param;
    assert.deepEqual(value, wanted === 2147483648 ? -2147483648 : wanted);
  });
}

for (const param of [1.5, Number.NaN, 2 ** 32, -(2 ** 31) - 1, 'a\0b', { double: Infinity }]) {
  test(`refuses to encode ${JSON.stringify(param)}`, () =>
    assert.throws(() => encodeParam(param), RangeError));
}

test('a request that Kamailio would reset is refused', () =>
  assert.throws(() => encodeRequest(1, 'core.echo', ['x'.repeat(65_600)]), RangeError));

test('forms that Kamailio does not send but the format has', () => {
  const body = hex('04 10 01 41 61 62 63 00 84 26 de ad 03 10 05 11 00 83 a0 00 02 01 00');
  assert.deepEqual(decodeBody(body).map(notation), [[1, 'abc'], 'dead', [5, ''], 256]);
});

test('an empty reply has no values', () => {
  assert.deepEqual(decode(hex('a1 10 00 42')), [{ kind: 'reply', cookie: 0x42, values: [] }]);
});

test('what is encoded is decoded again', () => {
  const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const text = fc.string({ maxLength: 400 }).filter((s) => !s.includes('\0'));
  fc.assert(
    fc.property(fc.array(fc.oneof(int, text), { maxLength: 8 }), (params) => {
      const body = Buffer.concat(params.map(encodeParam));
      assert.deepEqual(decodeBody(body).map(notation), params);
    }),
    RUNS,
  );
});
