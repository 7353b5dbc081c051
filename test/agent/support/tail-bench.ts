import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { TailLimits } from '../../../src/agent/runtime/file-tail.js';
import { DEFAULT_TAIL_LIMITS, FileTail } from '../../../src/agent/runtime/file-tail.js';
import { OffsetFile } from '../../../src/agent/runtime/process-offset.js';
import { testDir } from '../../support/resources.js';
import { FakeTime } from './fake-time.js';
import { silentLog } from './fakes.js';

/** Small enough to reach each of them with a few lines. */
export const LIMITS: TailLimits = {
  ...DEFAULT_TAIL_LIMITS,
  turnBytes: 16,
  emptyAboveBytes: 64,
  skipAboveBytes: 256,
  endBytes: 128,
};

/** A file that grows, its tail and all that it told. */
export class TailBench {
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

export function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

export const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
