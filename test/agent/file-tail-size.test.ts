import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { test } from 'node:test';
import { LIMITS, numbered, TailBench, text } from './support/tail-bench.js';

test('a file that was read to its end is emptied above its limit, and the lines go on', async () => {
  const bench = new TailBench();
  const tail = bench.open('start');
  for (let round = 0; round < 10; round++) {
    bench.write(text(numbered(round * 10, round * 10 + 10)));
    await bench.look();
    assert.ok(bench.size <= LIMITS.emptyAboveBytes, `${bench.size} bytes in round ${round}`);
  }
  await tail.end();
  assert.deepEqual(bench.lines, numbered(0, 100));
  assert.deepEqual(bench.warnings, []);
});

test('a file is not emptied before all of it was read', async () => {
  const bench = new TailBench(text(numbered(10, 30)));
  assert.ok(bench.size > 2 * LIMITS.emptyAboveBytes && bench.size < LIMITS.skipAboveBytes);
  const tail = bench.open('start');
  await bench.look();
  assert.deepEqual(bench.lines, numbered(10, 30));
  assert.deepEqual([bench.size, bench.warnings.length], [0, 0]);
  await tail.end();
});

test('a line that begins before the file is emptied and ends after it is told whole', async () => {
  const bench = new TailBench('x'.repeat(70));
  const tail = bench.open('start');
  await bench.look();
  assert.equal(bench.size, 0);
  bench.write('yz\n');
  await tail.end();
  assert.deepEqual(bench.lines, [`${'x'.repeat(70)}yz`]);
});

test('a file beyond the hard limit is skipped but for its newest lines, and emptied', async () => {
  const bench = new TailBench(text(numbered(1_000, 2_000)));
  const size = bench.size;
  const tail = bench.open('start');
  await bench.time.advance(0);
  assert.equal(bench.size, 0);
  assert.deepEqual(bench.lines, ['line 1999']);
  assert.deepEqual(bench.warnings, [
    `server output skipped, there was too much of it ${size - LIMITS.turnBytes}`,
  ]);
  bench.write('next\n');
  await tail.end();
  assert.deepEqual(bench.lines, ['line 1999', 'next']);
});

test('the end reads the newest only when very much is left', async () => {
  const bench = new TailBench();
  const tail = bench.open('start', { skipAboveBytes: 1_000_000 });
  bench.write(text(numbered(1_000, 2_000)));
  await tail.end();
  assert.equal(bench.lines.at(-1), 'line 1999');
  assert.ok(bench.lines.length <= LIMITS.endBytes / 10 && bench.lines.length > 8);
  assert.equal(bench.warnings.length, 1);
  assert.equal(bench.kept, bench.size);
});

test('a file that somebody else emptied is read from its beginning', async () => {
  const bench = new TailBench('one\ntwo\n');
  const tail = bench.open('start');
  await bench.look();
  truncateSync(bench.path);
  bench.write('new\n');
  await bench.look();
  await tail.end();
  assert.deepEqual(bench.lines, ['one', 'two', 'new']);
});
