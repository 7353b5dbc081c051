import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OffsetLines } from '../../src/agent/runtime/process-lines.js';

test('lines and their offsets hold for every cut of every text', () =>
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'bc', '\n', 'ü', '\n\n', '😀\n'), { maxLength: 30 }),
      fc.array(fc.nat(40), { maxLength: 10 }),
      (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''));
        const told: string[] = [];
        let from = 0;
        let lines = new OffsetLines(0, (line) => told.push(line));
        for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
          if (to < from || to > bytes.length) continue;
          lines.push(bytes.subarray(from, to));
          // Its reader dies: the next one begins at the line that was not told.
          from = lines.lineAt;
          lines = new OffsetLines(from, (line) => told.push(line));
        }
        lines.push(bytes.subarray(from));
        lines.end();
        assert.deepEqual(
          told,
          pieces
            .join('')
            .split('\n')
            .filter((line) => line !== ''),
        );
      },
    ),
  ));

test('a skip leaves out the rest of the line that it ends in, however that comes', () => {
  const told: string[] = [];
  const lines = new OffsetLines(0, (line) => told.push(line));
  lines.push(Buffer.from('one\nhalf'));
  lines.skip(10);
  lines.push(Buffer.from('rest'));
  assert.equal(lines.lineAt, 22);
  lines.push(Buffer.from(' of it\ntwo\nth'));
  assert.deepEqual(told, ['one', 'half', 'two']);
  assert.equal(lines.lineAt, lines.at - 2);
});
