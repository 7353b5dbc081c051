import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBody } from '../../../src/protocols/binrpc/body-codec.js';
import type { BinrpcMessage } from '../../../src/protocols/binrpc/codec.js';
import { BinrpcDecoder } from '../../../src/protocols/binrpc/codec.js';
import { ProtocolError } from '../../../src/util/errors.js';
import { decode } from './codec-rig.js';
import { recordedExchanges, recordedIn } from './transcripts.js';

/** Over a socket the bytes are the same whatever the transport was: every reply is cut at every byte. */
for (const exchange of recordedExchanges()) {
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
