import type { AskTarget } from '../../src/reconciler/ask-pool.js';
import type { WitnessPing } from '../../src/reconciler/witness.js';
import { Witness } from '../../src/reconciler/witness.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { FakeTime } from '../agent/support/fake-time.js';

export const TIMING = { everyMs: 1_000, fall: 2, concurrency: 3, newcomers: 5 };

/** A witness on a clock of its own, with answers as told. */
export class Bench {
  readonly time = new FakeTime();
  readonly stop = new AbortController();
  readonly asked: string[] = [];
  answers: (destination: string) => Promise<Evidence> = () => Promise.resolve('silent');
  changes = 0;
  readonly warned: string[] = [];
  /** By how much somebody moved the wall clock. */
  steppedMs = 0;
  readonly witness: Witness;
  readonly end: Promise<void>;

  constructor() {
    const ping: WitnessPing = (destination) => {
      this.asked.push(destination);
      return this.answers(destination);
    };
    const { time } = this;
    this.witness = new Witness({
      ping,
      timing: TIMING,
      clock: { monoMs: time.monoMs, wallMs: () => time.wallMs() + this.steppedMs },
      bell: time.newBell(),
      onChange: () => (this.changes += 1),
      log: { warn: (_: unknown, text?: string) => this.warned.push(text ?? '') },
    });
    this.end = this.witness.run(this.stop.signal);
  }

  async done(): Promise<void> {
    this.stop.abort();
    await this.time.advance(2_000);
    await this.end;
  }
}

/** What the witness is asked of newcomers. */
export const newcomers = (...names: readonly string[]): Map<string, AskTarget> =>
  new Map(names.map((name) => [name, { destination: `sip:${name}`, token: `${name} 1` }] as const));

export const one = new Map([['a', 'sip:1:5060']]);
