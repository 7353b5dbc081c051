import { GIVE_UP_MS, T1_MS, T2_MS } from './server-transaction.js';
import type { SipAddress } from './sip-response.js';
import type { Timers } from './timers.js';

/** Sends one BYE over UDP until a final answer comes or GIVE_UP_MS have passed: RFC 3261 17.1.2. */
export class ByeClient {
  readonly #send: (bytes: Buffer, to: SipAddress) => void;
  readonly #timers: Timers;
  readonly #pending = new Map<string, () => void>();

  constructor(timers: Timers, send: (bytes: Buffer, to: SipAddress) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  /** How many are unanswered. */
  get pending(): number {
    return this.#pending.size;
  }

  /** `onEnd` is called once: answered or given up. */
  start(branch: string, bytes: Buffer, to: SipAddress, onEnd: () => void): void {
    let cancelRepeat: () => void = () => undefined;
    const repeat = (afterMs: number): void => {
      cancelRepeat = this.#timers.after(afterMs, () => {
        this.#send(bytes, to);
        repeat(Math.min(afterMs * 2, T2_MS));
      });
    };
    const end = (): void => {
      cancelRepeat();
      cancelGiveUp();
      this.#pending.delete(branch);
      onEnd();
    };
    const cancelGiveUp = this.#timers.after(GIVE_UP_MS, end);
    this.#pending.set(branch, end);
    this.#send(bytes, to);
    repeat(T1_MS);
  }

  /** A response came; a provisional one changes nothing. */
  receive(branch: string, status: number): void {
    if (status >= 200) this.#pending.get(branch)?.();
  }
}
