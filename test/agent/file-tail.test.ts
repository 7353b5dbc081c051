import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_TAIL_LIMITS } from '../../src/agent/runtime/file-tail.js';
import { MAX_LINE_LENGTH } from '../../src/agent/runtime/line-splitter.js';
import { LIMITS, TailBench, text } from './support/tail-bench.js';

test('lines are told in order however they were written, each once', async () => {
  const bench = new TailBench('one\n');
  const tail = bench.open('start');
  await bench.look();
  bench.write('two\nthr');
  await bench.look();
  assert.deepEqual(bench.lines, ['one', 'two']);
  bench.write('ee\n');
  await bench.look();
  assert.deepEqual(bench.lines, ['one', 'two', 'three']);
  await tail.end();
  assert.deepEqual(bench.lines, ['one', 'two', 'three']);
});

test('the end tells what is left, the last line also without its newline', async () => {
  const bench = new TailBench();
  const tail = bench.open('start');
  bench.write('one\ntwo');
  await Promise.all([tail.end(), tail.end()]);
  assert.deepEqual(bench.lines, ['one', 'two']);
  assert.equal(bench.kept, 7);
});

test('a turn reads no more than its limit, and the next comes after the pause', async () => {
  const bench = new TailBench(text(['0123456', '0123456', 'third 6', 'fourth7']));
  const tail = bench.open('start');
  await bench.time.advance(0);
  assert.equal(bench.lines.length, 2);
  await bench.time.advance(LIMITS.mergeMs - 1);
  assert.equal(bench.lines.length, 2);
  await bench.time.advance(1);
  assert.equal(bench.lines.length, 4);
  await tail.end();
});

test('a character that is cut between two reads stays whole', async () => {
  const line = 'ä€😀'.repeat(20);
  for (const turnBytes of [1, 2, 3, 5, 7]) {
    const bench = new TailBench(`${line}\n`);
    const tail = bench.open('start', { turnBytes, emptyAboveBytes: 1_000, endBytes: 1_000 });
    await tail.end();
    assert.deepEqual(bench.lines, [line]);
  }
});

test('a line of 1 MB is cut with an ellipsis and the next one is whole', async () => {
  const bench = new TailBench(`${'x'.repeat(1_000_000)}\nnext\n`);
  const tail = bench.open('start', DEFAULT_TAIL_LIMITS);
  await tail.end();
  assert.deepEqual(bench.lines, [`${'x'.repeat(MAX_LINE_LENGTH)}…`, 'next']);
});

test('after its end nothing is open', async () => {
  const bench = new TailBench('one\n');
  const tail = bench.open('start');
  await bench.look();
  assert.equal(openFilesBelow(bench.dir), 2);
  await tail.end();
  assert.equal(openFilesBelow(bench.dir), 0);
});

test('a file that cannot be opened throws and leaves nothing open', () => {
  const bench = new TailBench();
  mkdirSync(bench.offsetPath);
  assert.throws(() => bench.open('start'), /EISDIR/);
  assert.equal(openFilesBelow(bench.dir), 0);
});

function openFilesBelow(dir: string): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd));
    } catch {
      return ''; // The descriptor of the listing itself.
    }
  });
  return targets.filter((target) => target.startsWith(`${dir}/`)).length;
}
