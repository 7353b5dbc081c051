import { backoffMs } from '../../util/backoff.js';
import { cutText } from '../../util/cut-text.js';
import { CarnaError } from '../../util/errors.js';
import type { WatchDeps } from './docker-events.js';
import { RECONNECT } from './docker-events.js';
import type { OutputFrame } from './docker-frames.js';
import { frameDecoder } from './docker-frames.js';
import { lineSplitter } from './line-splitter.js';

/** How many of the last lines are kept for the cause of an early end, and how much of each. */
export const TAIL_LINES = 5;
const TAIL_LINE_LENGTH = 200;
/** First words held back until the log takes over. */
const MAX_FIRST_LINES = 100;
/** By then the log has taken over, or there is nothing to take over. */
const FIRST_WORDS_MS = 10_000;

interface OutputLine {
  readonly stream: OutputFrame['stream'];
  readonly line: string;
}

/**
 * Passes a container's output to our log, line by line. It comes from the engine's log, whose time stamps let it
 * go on after a restart of the engine without repeating a line. The log of a container that ends at once may be gone
 * before it can be asked for: its first words are listened to beside it and used when the log gives none.
 */
export class OutputFollower {
  readonly #id: string;
  readonly #deps: WatchDeps;
  readonly #hide: (text: string) => string;
  readonly #over = new AbortController();
  readonly #firstOver = new AbortController();
  readonly #first: OutputLine[] = [];
  #tail: readonly string[] = [];
  #hasLog = false;
  /** Time stamp of the last line taken. */
  #after: string;
  #quiet: Promise<void> = Promise.resolve();

  /** `fromMs` (wall clock): lines before it are left out; null = all. `hide` takes secrets out of a line. */
  constructor(id: string, fromMs: number | null, hide: (text: string) => string, deps: WatchDeps) {
    this.#id = id;
    this.#deps = deps;
    this.#hide = hide;
    this.#after = fromMs === null ? '' : stampOf(new Date(fromMs).toISOString());
  }

  /** Before the container starts: listens to its first words. Throws CarnaErrors of the engine. */
  async listen(): Promise<void> {
    const pieces = await this.#deps.engine.attach(this.#id, this.#firstOver.signal);
    const lines = this.#splitters(({ stream, line }) => {
      if (this.#first.length < MAX_FIRST_LINES) this.#first.push({ stream, line });
    });
    const taken = this.#take(pieces, (frame) => lines[frame.stream].push(frame.text));
    this.#quiet = taken.then(() => {
      lines.stdout.end();
      lines.stderr.end();
    });
  }

  /** Once it runs: follows its log until `close`. */
  follow(): void {
    void this.#deps.time
      .wait(FIRST_WORDS_MS, this.#firstOver.signal)
      .then(() => this.#firstOver.abort());
    void this.#followLog();
  }

  /** Resolves when what the container said last has arrived, at the latest after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    const done = new AbortController();
    const over = this.#quiet.then(() => done.abort());
    await Promise.race([over, this.#deps.time.wait(limitMs, done.signal)]);
    done.abort();
  }

  /** The last lines, shortened. */
  lastLines(): readonly string[] {
    if (this.#hasLog) return this.#tail;
    return this.#first.slice(-TAIL_LINES).map(({ line }) => shorten(line));
  }

  close(): void {
    this.#over.abort();
    this.#firstOver.abort();
    if (!this.#hasLog) for (const line of this.#first.splice(0)) this.#emit(line);
    this.#hasLog = true;
  }

  async #followLog(): Promise<void> {
    const { time, engine } = this.#deps;
    const over = this.#over.signal;
    for (let attempt = 0; !over.aborted; attempt++) {
      const sinceSeconds = this.#after === '' ? 0 : Math.floor(Date.parse(this.#after) / 1_000);
      const firstWords = this.#quiet;
      try {
        const opening = engine.logs(this.#id, sinceSeconds, over);
        const reading = opening.then((pieces) => this.#readLog(pieces));
        this.#quiet = Promise.allSettled([firstWords, reading]).then(() => undefined);
        if ((await reading) > 0) attempt = 0;
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
      }
      await time.wait(backoffMs(attempt, RECONNECT, time.random), over);
    }
  }

  /** Gives the number of lines taken. */
  async #readLog(pieces: AsyncIterable<Buffer>): Promise<number> {
    let taken = 0;
    const lines = this.#splitters((line) => this.#emit(line));
    await this.#take(pieces, (frame) => {
      const [, stamp = '', text = frame.text] = /^(\S+Z) ([^]*)$/.exec(frame.text) ?? [];
      if (stamp !== '' && stampOf(stamp) <= this.#after) return;
      this.#after = stamp === '' ? this.#after : stampOf(stamp);
      this.#hasLog = true;
      this.#firstOver.abort();
      taken += 1;
      lines[frame.stream].push(text);
    });
    lines.stdout.end();
    lines.stderr.end();
    return taken;
  }

  /** Never rejects: output that broke off comes again from the log, or is lost with it. */
  async #take(pieces: AsyncIterable<Buffer>, use: (frame: OutputFrame) => void): Promise<void> {
    const decode = frameDecoder();
    try {
      for await (const piece of pieces) decode(piece).forEach(use);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
    }
  }

  #splitters(
    emit: (line: OutputLine) => void,
  ): Record<OutputFrame['stream'], ReturnType<typeof lineSplitter>> {
    const of = (stream: OutputFrame['stream']): ReturnType<typeof lineSplitter> =>
      lineSplitter((line) => emit({ stream, line: this.#hide(line) }));
    return { stdout: of('stdout'), stderr: of('stderr') };
  }

  #emit({ stream, line }: OutputLine): void {
    this.#deps.log.info({ stream, line }, 'server output');
    this.#tail = [...this.#tail, shorten(line)].slice(-TAIL_LINES);
  }
}

function shorten(line: string): string {
  return line.length > TAIL_LINE_LENGTH ? `${cutText(line, TAIL_LINE_LENGTH)}…` : line;
}

/** "2026-01-31T23:59:59.12Z" with nine digits after the point, so that stamps compare as texts. */
function stampOf(stamp: string): string {
  const [seconds = '', fraction = ''] = stamp.replace('Z', '').split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}Z`;
}
