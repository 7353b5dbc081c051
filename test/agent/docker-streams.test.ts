import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameDecoder } from '../../src/agent/runtime/docker-frames.js';
import { jsonLines, readEvent } from '../../src/agent/runtime/docker-codec.js';
import { ProtocolError } from '../../src/util/errors.js';
import { frame } from './support/fake-stream.js';

test('JSON lines are put together whatever the cuts are', async () => {
  const text =
    '{"Action":"oom"}\n\n{"Action":"die","Actor":{"Attributes":{"exitCode":"7","name":"é"}}}\n';
  const bytes = Buffer.from(text);
  for (let at = 0; at <= bytes.length; at++) {
    const pieces = (async function* () {
      yield bytes.subarray(0, at);
      yield bytes.subarray(at);
    })();
    const events = [];
    for await (const event of jsonLines(pieces, readEvent)) events.push(event);
    assert.deepEqual(events, [
      { action: 'oom', exitCode: null },
      { action: 'die', exitCode: 7 },
    ]);
  }
});

test('a line of JSON without an end is refused', async () => {
  const pieces = (async function* () {
    for (let n = 0; n < 3; n++) yield Buffer.alloc(600_000, 'x');
  })();
  const read = [];
  for await (const value of jsonLines(pieces, readEvent)) read.push(value);
  assert.deepEqual(read, [null]);
});

test('frames are put together whatever the cuts are', () => {
  const bytes = Buffer.concat([frame('one\n'), frame('', 1), frame('zwö\n', 2)]);
  for (let at = 0; at <= bytes.length; at++) {
    const decode = frameDecoder();
    const frames = [...decode(bytes.subarray(0, at)), ...decode(bytes.subarray(at))];
    assert.deepEqual(
      frames.map((f) => `${f.stream} ${f.text}`),
      ['stdout one\n', 'stdout ', 'stderr zwö\n'],
    );
  }
});

test('a stream that is not multiplexed is refused', () => {
  assert.throws(() => frameDecoder()(Buffer.from('plain text of a terminal')), ProtocolError);
});
