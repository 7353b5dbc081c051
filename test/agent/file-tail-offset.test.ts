import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { OffsetFile } from '../../src/agent/runtime/process-offset.js';
import { LIMITS, TailBench } from './support/tail-bench.js';

test('the next tail begins with the line that the last one had not told', async () => {
  const bench = new TailBench('one\ntwo\nthr');
  const dead = bench.open('start'); // Its agent dies: nobody ends it before the next one begins.
  await bench.look();
  bench.write('ee\nfour\n');
  bench.lines.length = 0;
  const tail = bench.open('kept');
  await tail.end();
  assert.deepEqual(bench.lines, ['three', 'four']);
  await dead.end();
});

test('how far it read is kept at most once a second', async () => {
  const bench = new TailBench('one\n');
  const tail = bench.open('start');
  await bench.time.advance(LIMITS.saveMs - 1);
  assert.equal(bench.kept, 0);
  await bench.time.advance(1);
  assert.equal(bench.kept, 4);
  await tail.end();
});

for (const [name, content] of [
  ['missing', null],
  ['half', '00000'],
  ['no number', 'abcdefghijklmnop\n'],
] as const) {
  test(`an offset file that is ${name}: it goes on from the end and says so`, async () => {
    const bench = new TailBench('old\n');
    if (content !== null) writeFileSync(bench.offsetPath, content);
    const tail = bench.open('kept');
    bench.write('new\n');
    await tail.end();
    assert.deepEqual(bench.lines, ['new']);
    assert.match(bench.warnings.join(), /not known how far .* 4$/);
  });
}

test('an offset beyond the end of the file means that it was emptied', async () => {
  const bench = new TailBench('new\n');
  const file = new OffsetFile(bench.offsetPath);
  file.write(1_000_000);
  file.close();
  const tail = bench.open('kept');
  await tail.end();
  assert.deepEqual(bench.lines, ['new']);
});
