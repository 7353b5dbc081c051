import type { FSWatcher } from 'node:fs';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, watch } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Bell, Timekeeper } from '../ports.js';
import { OffsetLines } from './process-lines.js';
import { OffsetFile } from './process-offset.js';

/** Bounds of a tail; all sizes in bytes. */
export interface TailLimits {
  /** Most that one turn reads: some thousand lines, some 20 ms of logging. */
  readonly turnBytes: number;
  /** At least so long between two turns. */
  readonly mergeMs: number;
  /** A look without an event, for file systems that send none. */
  readonly lookMs: number;
  /** A file that was read to its end is emptied when it is larger. */
  readonly emptyAboveBytes: number;
  /** A larger file is not read through: its last turn is, then it is emptied. */
  readonly skipAboveBytes: number;
  /** Most that is still read at the end; the newest of it. */
  readonly endBytes: number;
  /** At least so long between two saves of the offset: lines of that time come twice after a crash. */
  readonly saveMs: number;
}

const MB = 1024 * 1024;

export const DEFAULT_TAIL_LIMITS: TailLimits = {
  turnBytes: 256 * 1024,
  mergeMs: 100,
  lookMs: 5_000,
  emptyAboveBytes: 8 * MB,
  skipAboveBytes: 64 * MB,
  endBytes: 4 * MB,
  saveMs: 1_000,
};

export interface TailOptions {
  /** Must exist; whoever writes it must append (O_APPEND), since it is emptied on the way. */
  readonly path: string;
  /** Remembers how far the lines were told. */
  readonly offsetPath: string;
  /** Where to begin: 'kept' = where the last tail stopped. */
  readonly from: 'start' | 'kept';
  readonly emit: (line: string) => void;
  readonly log: Logger;
  readonly time: Timekeeper;
  readonly limits?: TailLimits;
}

/**
 * Follows a file that another process appends to and tells its lines, woken by inotify and never more
 * often than `mergeMs`. Each wake-up uses up its watch: a writer of hundreds of lines a second costs ten
 * events, not hundreds.
 */
export class FileTail {
  readonly #options: TailOptions;
  readonly #limits: TailLimits;
  readonly #fd: number;
  readonly #kept: OffsetFile;
  readonly #buffer: Buffer;
  readonly #lines: OffsetLines;
  readonly #ending = new AbortController();
  readonly #bell: Bell;
  readonly #running: Promise<void>;
  #watcher: FSWatcher | null = null;
  #canWatch = true;
  #isSaveDue = false;
  #ended: Promise<void> | null = null;

  /** Opens and begins at once. Throws what the file system throws. */
  constructor(options: TailOptions) {
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_TAIL_LIMITS;
    this.#buffer = Buffer.allocUnsafe(this.#limits.turnBytes);
    this.#bell = options.time.newBell();
    this.#fd = openSync(options.path, 'r+');
    try {
      this.#kept = new OffsetFile(options.offsetPath);
    } catch (err) {
      closeSync(this.#fd);
      throw err;
    }
    this.#lines = new OffsetLines(this.#beginning(), options.emit);
    this.#save();
    this.#running = this.#run();
  }

  /** Tells what is left, a last line without newline included, and closes everything. Never rejects. */
  end(): Promise<void> {
    this.#ended ??= this.#finish();
    return this.#ended;
  }

  #beginning(): number {
    if (this.#options.from === 'start') return 0;
    const kept = this.#kept.read();
    if (kept !== null) return kept;
    const skippedBytes = fstatSync(this.#fd).size;
    this.#options.log.warn(
      { skippedBytes },
      'it is not known how far the server output was read, going on from its end',
    );
    return skippedBytes;
  }

  async #run(): Promise<void> {
    const { time } = this.#options;
    const ending = this.#ending.signal;
    while (!ending.aborted) {
      this.#arm(); // Before the look: what is written after it rings.
      const leftBytes = this.#guarded(() => this.#turn());
      if (leftBytes === null) return;
      await time.wait(this.#limits.mergeMs, ending);
      if (leftBytes === 0) await this.#bell.wait(this.#limits.lookMs, ending);
    }
  }

  async #finish(): Promise<void> {
    this.#ending.abort();
    this.#disarm();
    await this.#running;
    const endAt = this.#guarded(() => this.#skipAllBut(this.#limits.endBytes));
    while (endAt !== null && this.#lines.at < endAt) {
      const readBytes = this.#guarded(() => this.#read());
      if (readBytes === null || readBytes === 0) break;
      await setImmediate();
    }
    this.#lines.end();
    this.#save();
    this.#kept.close();
    closeSync(this.#fd);
  }

  /** Null when the file cannot be read any more. */
  #guarded(work: () => number): number | null {
    try {
      return work();
    } catch (err) {
      this.#options.log.warn({ err }, 'the server output cannot be read');
      this.#disarm();
      return null;
    }
  }

  /** One bounded read; gives the bytes that are left. */
  #turn(): number {
    const { turnBytes, emptyAboveBytes, skipAboveBytes } = this.#limits;
    const size = this.#size();
    if (size === this.#lines.at) return 0;
    const isTooLarge = size > skipAboveBytes;
    if (isTooLarge) this.#skipAllBut(turnBytes);
    this.#read();
    if (isTooLarge || this.#lines.at > emptyAboveBytes) this.#empty(isTooLarge);
    this.#saveSoon();
    return this.#size() - this.#lines.at;
  }

  #size(): number {
    const { size } = fstatSync(this.#fd);
    if (size < this.#lines.at) this.#lines.rewind(); // Somebody else emptied it.
    return size;
  }

  #read(): number {
    const sizeBytes = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#lines.at);
    this.#lines.push(this.#buffer.subarray(0, sizeBytes));
    return sizeBytes;
  }

  /**
   * Empties the file when all of it was read, or `isForced`. What is written between the look at its size
   * and the next system call is lost; both happen in one tick, some microseconds apart.
   */
  #empty(isForced: boolean): void {
    const unreadBytes = this.#size() - this.#lines.at;
    if (unreadBytes > 0 && !isForced) return;
    ftruncateSync(this.#fd, 0);
    if (unreadBytes > 0) this.#skip(unreadBytes);
    this.#lines.rewind();
    this.#save();
  }

  /** Leaves out all but the newest bytes of what is unread; gives the size of the file. */
  #skipAllBut(keptBytes: number): number {
    const size = this.#size();
    const tooMany = size - this.#lines.at - keptBytes;
    if (tooMany > 0) this.#skip(tooMany);
    return size;
  }

  #skip(skippedBytes: number): void {
    this.#options.log.warn({ skippedBytes }, 'server output skipped, there was too much of it');
    this.#lines.skip(skippedBytes);
  }

  #saveSoon(): void {
    if (this.#isSaveDue) return;
    this.#isSaveDue = true;
    const ending = this.#ending.signal;
    void this.#options.time.wait(this.#limits.saveMs, ending).then(() => {
      this.#isSaveDue = false;
      if (!ending.aborted) this.#save();
    });
  }

  #save(): void {
    try {
      this.#kept.write(this.#lines.lineAt);
    } catch (err) {
      this.#options.log.warn({ err }, 'how far the server output was read cannot be kept');
    }
  }

  #arm(): void {
    if (this.#watcher !== null || !this.#canWatch) return;
    try {
      this.#watcher = watch(this.#options.path, { persistent: false }, () => this.#wake());
      this.#watcher.on('error', () => this.#wake());
    } catch (err) {
      this.#canWatch = false;
      this.#options.log.warn(
        { err },
        'no events for the server output, looking at it now and then',
      );
    }
  }

  #wake(): void {
    this.#disarm();
    this.#bell.ring();
  }

  #disarm(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }
}
