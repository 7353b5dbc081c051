import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Logger } from 'pino';
import type { TailLimits } from '../../src/agent/runtime/file-tail.js';
import { DEFAULT_TAIL_LIMITS, FileTail } from '../../src/agent/runtime/file-tail.js';
import { MAX_LINE_LENGTH } from '../../src/agent/runtime/line-splitter.js';
import { OffsetLines } from '../../src/agent/runtime/process-lines.js';
import { OffsetFile } from '../../src/agent/runtime/process-offset.js';
import { testDir } from '../support/resources.js';
import { FakeTime } from './support/fake-time.js';
import { silentLog } from './support/fakes.js';

/** Small enough to reach each of them with a few lines. */
const LIMITS: TailLimits = {
  ...DEFAULT_TAIL_LIMITS,
  turnBytes: 16,
  emptyAboveBytes: 64,
  skipAboveBytes: 256,
  endBytes: 128,
};

class Bench {
  readonly dir = testDir('tail');
  readonly path = join(this.dir, 'log');
  readonly offsetPath = join(this.dir, 'offset');
  readonly time = new FakeTime();
  readonly lines: string[] = [];
  readonly warnings: string[] = [];

  constructor(content = '') {
    writeFileSync(this.path, content);
  }

  open(from: 'start' | 'kept', limits: Partial<TailLimits> = {}): FileTail {
    const warn = (facts: object, text: string): void => {
      const { skippedBytes } = facts as { skippedBytes?: number };
      this.warnings.push(`${text} ${skippedBytes}`);
    };
    return new FileTail({
      path: this.path,
      offsetPath: this.offsetPath,
      from,
      emit: (line) => this.lines.push(line),
      log: { ...silentLog, warn } as unknown as Logger,
      time: this.time,
      limits: { ...LIMITS, ...limits },
    });
  }

  write(text: string): void {
    appendFileSync(this.path, text);
  }

  /** Long enough for the look that needs no event, and for all turns after it. */
  async look(): Promise<void> {
    await this.time.advance(LIMITS.lookMs + 100 * LIMITS.mergeMs);
  }

  get kept(): number | null {
    const file = new OffsetFile(this.offsetPath);
    const kept = file.read();
    file.close();
    return kept;
  }

  get size(): number {
    return statSync(this.path).size;
  }
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

test('lines are told in order however they were written, each once', async () => {
  const bench = new Bench('one\n');
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
  const bench = new Bench();
  const tail = bench.open('start');
  bench.write('one\ntwo');
  await Promise.all([tail.end(), tail.end()]);
  assert.deepEqual(bench.lines, ['one', 'two']);
  assert.equal(bench.kept, 7);
});

test('a turn reads no more than its limit, and the next comes after the pause', async () => {
  const bench = new Bench(text(['0123456', '0123456', 'third 6', 'fourth7']));
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
    const bench = new Bench(`${line}\n`);
    const tail = bench.open('start', { turnBytes, emptyAboveBytes: 1_000, endBytes: 1_000 });
    await tail.end();
    assert.deepEqual(bench.lines, [line]);
  }
});

test('a line of 1 MB is cut with an ellipsis and the next one is whole', async () => {
  const bench = new Bench(`${'x'.repeat(1_000_000)}\nnext\n`);
  const tail = bench.open('start', DEFAULT_TAIL_LIMITS);
  await tail.end();
  assert.deepEqual(bench.lines, [`${'x'.repeat(MAX_LINE_LENGTH)}…`, 'next']);
});

test('the next tail begins with the line that the last one had not told', async () => {
  const bench = new Bench('one\ntwo\nthr');
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
  const bench = new Bench('one\n');
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
    const bench = new Bench('old\n');
    if (content !== null) writeFileSync(bench.offsetPath, content);
    const tail = bench.open('kept');
    bench.write('new\n');
    await tail.end();
    assert.deepEqual(bench.lines, ['new']);
    assert.match(bench.warnings.join(), /not known how far .* 4$/);
  });
}

test('a file that was read to its end is emptied above its limit, and the lines go on', async () => {
  const bench = new Bench();
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
  const bench = new Bench(text(numbered(10, 30)));
  assert.ok(bench.size > 2 * LIMITS.emptyAboveBytes && bench.size < LIMITS.skipAboveBytes);
  const tail = bench.open('start');
  await bench.look();
  assert.deepEqual(bench.lines, numbered(10, 30));
  assert.deepEqual([bench.size, bench.warnings.length], [0, 0]);
  await tail.end();
});

test('a line that begins before the file is emptied and ends after it is told whole', async () => {
  const bench = new Bench('x'.repeat(70));
  const tail = bench.open('start');
  await bench.look();
  assert.equal(bench.size, 0);
  bench.write('yz\n');
  await tail.end();
  assert.deepEqual(bench.lines, [`${'x'.repeat(70)}yz`]);
});

test('a file beyond the hard limit is skipped but for its newest lines, and emptied', async () => {
  const bench = new Bench(text(numbered(1_000, 2_000)));
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
  const bench = new Bench();
  const tail = bench.open('start', { skipAboveBytes: 1_000_000 });
  bench.write(text(numbered(1_000, 2_000)));
  await tail.end();
  assert.equal(bench.lines.at(-1), 'line 1999');
  assert.ok(bench.lines.length <= LIMITS.endBytes / 10 && bench.lines.length > 8);
  assert.equal(bench.warnings.length, 1);
  assert.equal(bench.kept, bench.size);
});

test('a file that somebody else emptied is read from its beginning', async () => {
  const bench = new Bench('one\ntwo\n');
  const tail = bench.open('start');
  await bench.look();
  truncateSync(bench.path);
  bench.write('new\n');
  await bench.look();
  await tail.end();
  assert.deepEqual(bench.lines, ['one', 'two', 'new']);
});

test('an offset beyond the end of the file means that it was emptied', async () => {
  const bench = new Bench('new\n');
  const file = new OffsetFile(bench.offsetPath);
  file.write(1_000_000);
  file.close();
  const tail = bench.open('kept');
  await tail.end();
  assert.deepEqual(bench.lines, ['new']);
});

test('after its end nothing is open', async () => {
  const bench = new Bench('one\n');
  const tail = bench.open('start');
  await bench.look();
  assert.equal(openFilesBelow(bench.dir), 2);
  await tail.end();
  assert.equal(openFilesBelow(bench.dir), 0);
});

test('a file that cannot be opened throws and leaves nothing open', () => {
  const bench = new Bench();
  mkdirSync(bench.offsetPath);
  assert.throws(() => bench.open('start'), /EISDIR/);
  assert.equal(openFilesBelow(bench.dir), 0);
});

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
