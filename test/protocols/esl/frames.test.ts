import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameCutter, MAX_HEADER_BYTES } from '../../../src/protocols/esl/frames.js';
import { ProtocolError } from '../../../src/util/errors.js';
import { jsonEvent, readBlocks, reply, response } from './replay.js';

const cut = (text: string): string[] =>
  new FrameCutter().push(Buffer.from(text)).map((message) => message.toString());

/** Everything that FreeSWITCH sent in one recorded connection, piece by piece. */
const recorded = (prefix: string): Buffer[] =>
  readBlocks(prefix).flatMap((block) => (block.kind === 'server' ? [block.bytes] : []));

for (const prefix of ['02', '10', '12', '13', '23', '24', '30', '42', '51', '63']) {
  test(`recorded stream ${prefix} is cut without a rest, however it is split`, () => {
    const pieces = recorded(prefix);
    const whole = Buffer.concat(pieces);
    const cutters = [pieces, [whole], [...whole].map((byte) => Buffer.of(byte))].map((chunks) => {
      const cutter = new FrameCutter();
      const messages = chunks.flatMap((chunk) => cutter.push(chunk)).map(String);
      assert.equal(cutter.isInsideMessage, false);
      return messages;
    });
    assert.deepEqual(cutters[0], cutters[1]);
    assert.deepEqual(cutters[0], cutters[2]);
    assert.equal(cutters[0]?.join(''), whole.toString());
  });
}

test('the length counts bytes, not characters', () =>
  assert.deepEqual(cut(response('é€') + reply('+OK')), [response('é€'), reply('+OK')]));

test('bodies may be empty, and hold blank lines', () => {
  const parts = [response(''), response('a\n\nb\n\n'), jsonEvent({ 'Event-Name': 'X' })];
  assert.deepEqual(cut(parts.join('')), parts);
});

for (const garbage of [
  '\n\n',
  'HTTP/1.1 200 OK\r\nA: b\n\n',
  'Content-Length: 4\n\nabcd',
  'Content-Type: api/response\n\n',
  'Content-Type: api/response\nContent-Length: -4\n\n',
  'Content-Type: api/response\nContent-Length: 4x\n\nabcd',
  'Content-Type: api/response\nContent-Length:4\n\nabcd',
  'Content-Type: api/response\nContent-Length: 9999999999\n\n',
  'x'.repeat(MAX_HEADER_BYTES),
]) {
  test(`refused: ${JSON.stringify(garbage.slice(0, 60))}`, () =>
    assert.throws(() => cut(garbage), ProtocolError));
}

test('a chunk of nothing but line ends is refused, not recursed into', () =>
  assert.throws(() => cut('\n'.repeat(60_000)), ProtocolError));

test('random bytes give messages or a ProtocolError', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 20 })), (lines) => {
      try {
        cut(`Content-Type: x\n${lines.join('\n')}`);
      } catch (err) {
        if (!(err instanceof ProtocolError)) throw err;
      }
    }),
    { numRuns: 1000 },
  );
});
