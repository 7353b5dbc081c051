import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { BinrpcParam } from '../../../src/protocols/binrpc/body-codec.js';
import {
  decodeBody,
  encodeParam,
  MAX_NESTING,
  MAX_RECORDS,
} from '../../../src/protocols/binrpc/body-codec.js';
import type { BinrpcMessage } from '../../../src/protocols/binrpc/codec.js';
import { BinrpcDecoder, encodeRequest } from '../../../src/protocols/binrpc/codec.js';
import { membersNamed, memberNamed } from '../../../src/protocols/binrpc/value.js';
import { ProtocolError } from '../../../src/util/errors.js';
import { hexAfter, notation, recordedExchanges, recordedIn } from './transcripts.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const decode = (bytes: Buffer): BinrpcMessage[] => new BinrpcDecoder().push(bytes);
const recorded = recordedExchanges();

test('the transcripts are all there', () =>
  assert.ok(recorded.length >= 240, `${recorded.length}`));

for (const exchange of recorded) {
  test(`recorded: ${exchange.title}`, () => {
    const [method = '', ...params] = exchange.call;
    assert.deepEqual(encodeRequest(exchange.cookie, String(method), params), exchange.request);
    if (exchange.isCut) {
      const decoder = new BinrpcDecoder();
      assert.deepEqual(decoder.push(exchange.reply), []);
      assert.equal(decoder.isInsideMessage, true);
      return;
    }
    const [message, ...more] = decode(exchange.reply);
    assert.ok(message);
    assert.deepEqual(more, []);
    assert.equal(message.cookie, exchange.cookie);
    if (message.kind === 'fault') {
      assert.equal(exchange.type, 'FAULT');
      assert.deepEqual([message.code, message.text], exchange.values);
    } else {
      assert.equal(exchange.type, 'REPLY');
      assert.deepEqual(message.values.map(notation), exchange.values);
    }
  });
}

test('recorded: a reload that comes too early', () => {
  const text = readFileSync('test/fixtures/binrpc/62_dispatcher.reload_too_early.txt', 'utf8');
  const [first = '', second = '', third = ''] = text.split(/^request 2|^dispatcher.remove/m);
  const [ok] = decode(hexAfter(first, 'reply'));
  assert.ok(ok?.kind === 'reply');
  assert.deepEqual(ok.values.map(notation), ['Ok. Dispatcher successfully reloaded.']);
  for (const part of [second, third]) {
    const [fault] = decode(hexAfter(part, 'reply'));
    assert.ok(fault?.kind === 'fault');
    assert.deepEqual([fault.code, fault.text], [500, 'Ongoing reload']);
  }
});

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

/** Over a socket the bytes are the same whatever the transport was: every reply is cut at every byte. */
for (const exchange of recorded) {
  test(`any split in two: ${exchange.title}`, () => {
    const { reply } = exchange;
    const whole = decode(reply);
    for (let at = 0; at <= reply.length; at++) {
      const decoder = new BinrpcDecoder();
      const messages = decoder.push(reply.subarray(0, at));
      assert.equal(messages.length, at < reply.length ? 0 : whole.length, `split at ${at}`);
      messages.push(...decoder.push(reply.subarray(at)));
      assert.ok(isSame(messages, whole), `split at ${at}`);
      assert.equal(decoder.isInsideMessage, exchange.isCut);
    }
  });
}

const isSame = (some: readonly BinrpcMessage[], others: readonly BinrpcMessage[]): boolean =>
  JSON.stringify(some) === JSON.stringify(others);

test('recorded: JSON-RPC on a socket of ours is refused, not waited for', () => {
  const text = readFileSync('test/fixtures/binrpc/64_jsonrpc.txt', 'utf8');
  const reply = text.slice(text.indexOf('{', text.indexOf('<<')));
  assert.throws(() => decode(Buffer.from(reply)), ProtocolError);
});

test('byte by byte, three replies glued', () => {
  const one = recordedIn('10_')[0]?.reply ?? Buffer.alloc(0);
  const decoder = new BinrpcDecoder();
  const messages = [...Buffer.concat([one, one, one])].flatMap((b) => decoder.push(Buffer.of(b)));
  assert.deepEqual(messages, [...decode(one), ...decode(one), ...decode(one)]);
});

test('a reply cut at any byte is never taken for a whole one', () => {
  const reply = recordedIn('10_')[0]?.reply ?? Buffer.alloc(0);
  for (let length = 1; length < reply.length; length++) {
    const decoder = new BinrpcDecoder();
    assert.deepEqual(decoder.push(reply.subarray(0, length)), []);
    assert.equal(decoder.isInsideMessage, true);
  }
});

test('a body cut at any byte is refused or is a shorter list of whole records', () => {
  const body = (recordedIn('10_')[0]?.reply ?? Buffer.alloc(0)).subarray(8);
  for (let length = 1; length < body.length; length++) {
    assert.throws(() => decodeBody(body.subarray(0, length)), ProtocolError);
  }
});

test('a reply followed in the middle by the next one is refused, and the stream stays refused', () => {
  const reply = recordedIn('10_')[0]?.reply ?? Buffer.alloc(0);
  const decoder = new BinrpcDecoder();
  const garbled = Buffer.concat([reply.subarray(0, 200), reply]);
  assert.throws(() => decoder.push(garbled), ProtocolError);
  assert.throws(() => decoder.push(reply), ProtocolError);
});

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

test('forms that Kamailio does not send but the format has', () => {
  const body = hex('04 10 01 41 61 62 63 00 84 26 de ad 03 10 05 11 00 83 a0 00 02 01 00');
  assert.deepEqual(decodeBody(body).map(notation), [[1, 'abc'], 'dead', [5, ''], 256]);
});

test('an empty reply has no values', () => {
  assert.deepEqual(decode(hex('a1 10 00 42')), [{ kind: 'reply', cookie: 0x42, values: [] }]);
});

test('repeated names are all found, in order', () => {
  const [message] = decode(recordedIn('10_')[0]?.reply ?? Buffer.alloc(0));
  assert.ok(message?.kind === 'reply');
  const [list] = message.values;
  assert.ok(list);
  const records = memberNamed(list, 'RECORDS');
  assert.ok(records);
  const ids = membersNamed(records, 'SET').map((set) => memberNamed(set, 'ID'));
  assert.deepEqual(ids, [
    { kind: 'int', value: 2 },
    { kind: 'int', value: 1 },
  ]);
});

/** fast-check prints seed and path of a failure. */
const RUNS = { numRuns: 2000 };

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
  const replies = recorded.map((r) => r.reply).filter((reply) => reply.length < 2000);
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
