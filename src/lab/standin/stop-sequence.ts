import type { StopTimings } from './config.js';
import type { MediaSwitch } from './media-switch.js';
import type { ShutdownKind, ShutdownPort } from './shutdown-port.js';

/** How a life of the switch ended. */
export type End = 'exit' | 'now' | 'restart';

const CORE = 'switch_core.c';
const REQUESTED = { file: CORE, function: 'switch_core_session_ctl', line: 2825 };
const SHUTDOWN = { file: CORE, function: 'switch_core_destroy', line: 3033 };

export interface StopParts {
  readonly switch: MediaSwitch;
  readonly timings: StopTimings;
  /** Resolves after `ms`. */
  readonly wait: (ms: number) => Promise<void>;
  /** BYE to every call; resolves when all are answered or given up. */
  readonly drainCalls: () => Promise<void>;
  /** Tells every client and closes both ports. */
  readonly closePorts: () => void;
}

/** The ways to stop, in FreeSWITCH's order and pace. Every one may be asked for more than once. */
export class StopSequence implements ShutdownPort {
  /** Settles once, when the switch has ended. */
  readonly ended: Promise<End>;
  readonly #parts: StopParts;
  #end: (end: End) => void = () => undefined;
  #generation = 0;

  constructor(parts: StopParts) {
    this.#parts = parts;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  async request(kind: ShutdownKind, restart: boolean): Promise<void> {
    if (kind === 'now') return this.#end('now');
    if (kind === 'elegant' || kind === 'asap') {
      if (!(await this.#waitForCalls(kind))) return;
    }
    void this.#stop(restart ? 'restart' : 'exit');
  }

  cancel(): void {
    const { switch: core } = this.#parts;
    if (core.isStopping) return;
    this.#generation += 1;
    core.isShutdownRequested = false;
    core.setPaused(['inbound', 'outbound'], false);
    core.cancelIdleWaits();
  }

  /** True when no call is left; false when it was cancelled meanwhile. */
  async #waitForCalls(kind: 'elegant' | 'asap'): Promise<boolean> {
    const { switch: core } = this.#parts;
    const generation = this.#generation;
    core.isShutdownRequested = true;
    if (kind === 'asap') core.setPaused(['inbound', 'outbound'], true);
    core.bus.emit('SHUTDOWN_REQUESTED', REQUESTED, [
      ['Event-Info', kind === 'asap' ? 'ASAP' : kind],
    ]);
    while (core.active > 0 && generation === this.#generation && !core.isStopping) {
      await core.idle();
    }
    return generation === this.#generation;
  }

  async #stop(end: 'exit' | 'restart'): Promise<void> {
    const { switch: core, timings, wait } = this.#parts;
    if (core.isStopping) return;
    core.isStopping = true;
    const startMs = core.monoMs;
    await wait(timings.untilHangupMs);
    core.bus.emit('SHUTDOWN', SHUTDOWN, [['Event-Info', 'System Shutting Down']]);
    await this.#parts.drainCalls();
    await wait(timings.untilSilentMs);
    this.#parts.closePorts();
    await wait(Math.max(0, timings.untilExitMs - (core.monoMs - startMs)));
    if (end === 'restart') await wait(timings.untilRestartMs);
    this.#end(end);
  }
}
