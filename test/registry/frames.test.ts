import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from '../../src/registry/frames.js';
import { ProtocolError } from '../../src/util/errors.js';

function frame(text: string): Buffer {
  const bytes = Buffer.alloc(4 + text.length, text, 'latin1');
  bytes.writeInt32BE(text.length, 0);
  bytes.write(text, 4, 'latin1');
  return bytes;
}

test('every way to split a stream gives the same frames', () => {
  const wanted = ['one', '', 'three'].map(frame);
  const stream = Buffer.concat(wanted);
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const reader = new FrameReader();
      const parts = [
        stream.subarray(0, first),
        stream.subarray(first, second),
        stream.subarray(second),
      ];
      const found = parts.flatMap((part) => reader.push(part));
      assert.deepEqual(
        found.map(({ bytes }) => bytes),
        wanted,
        `split at ${first} and ${second}`,
      );
    }
  }
});

test('of an oversized frame the head is given and the rest thrown away, however it is split', () => {
  const large = frame('0123456789abcdefXYZ'.repeat(3));
  const stream = Buffer.concat([frame('one'), large, frame('two')]);
  const wanted = [
    { bytes: frame('one'), isOversized: false },
    { bytes: large.subarray(0, 20), isOversized: true },
    { bytes: frame('two'), isOversized: false },
  ];
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const reader = new FrameReader(30);
      const cuts = [0, first, second, stream.length];
      const found = [0, 1, 2].flatMap((at) => reader.push(stream.subarray(cuts[at], cuts[at + 1])));
      assert.deepEqual(found, wanted, `split at ${first} and ${second}`);
    }
  }
});

test('an unfinished frame is kept back', () => {
  const reader = new FrameReader();
  assert.deepEqual(reader.push(frame('abc').subarray(0, 6)), []);
});

for (const length of [-1, 0x7fff_ffff]) {
  test(`a length of ${length} is refused`, () => {
    const bytes = Buffer.alloc(8);
    bytes.writeInt32BE(length, 0);
    assert.throws(() => new FrameReader().push(bytes), ProtocolError);
  });
}
