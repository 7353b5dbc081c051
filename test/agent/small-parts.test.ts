import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineSplitter, MAX_LINE_LENGTH } from '../../src/agent/runtime/line-splitter.js';
import { termSignal } from '../../src/agent/term-signal.js';
import { silentLog } from './support/fakes.js';

function linesOf(pieces: readonly string[]): string[] {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

test('output comes as lines, however it is cut', () =>
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', ' ', 'ü\n', 'x\ny')), (pieces) => {
      const whole = pieces.join('').split('\n');
      const expected = whole.map((line) => line.trimEnd()).filter((line) => line !== '');
      assert.deepEqual(linesOf(pieces), expected);
    }),
  ));

test('a line without end is cut and never held whole', () => {
  const pieces = Array.from({ length: 1_000 }, () => 'x'.repeat(1_000));
  const [line, next] = linesOf([...pieces, '\nnext\n']);
  assert.equal(line?.length, MAX_LINE_LENGTH + 1);
  assert.equal(next, 'next');
});

test('SIGTERM counts once: repeating it changes nothing and ends nothing', () => {
  const proc = new EventEmitter();
  const signal = termSignal(proc as unknown as NodeJS.Process, silentLog);
  let aborts = 0;
  signal.addEventListener('abort', () => (aborts += 1));
  assert.equal(signal.aborted, false);
  for (const name of ['SIGTERM', 'SIGTERM', 'SIGINT', 'SIGTERM']) proc.emit(name, name);
  assert.equal(aborts, 1);
});
