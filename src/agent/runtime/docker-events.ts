import type { Logger } from 'pino';
import { backoffMs } from '../../util/backoff.js';
import { CarnaError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import type { ContainerFacts, DockerEngine, EngineEvent } from './docker-port.js';

/** What the watchers of one container need. */
export interface WatchDeps {
  readonly engine: DockerEngine;
  readonly log: Logger;
  readonly time: Timekeeper;
}

/** How a container ended. */
export interface ContainerEnd {
  /** Null when nobody saw it: it was gone when the engine could be asked again. */
  readonly exitCode: number | null;
  readonly isOutOfMemory: boolean;
  /** Wall clock in ms. */
  readonly noticedAtMs: number;
}

/** Pauses between tries to follow the engine again. It may be away for any length of time. */
export const RECONNECT = { minMs: 100, maxMs: 5_000 } as const;
/** The container is gone: how long its exit may still come from the engine's memory of events. */
const REPLAY_MS = 300;
/** Memory that ran out so shortly before an exit is its cause. */
const OOM_BEFORE_MS = 5_000;

/**
 * Watches for the end of a container by the engine's events. Their stream breaks when the engine restarts, which
 * the container may outlive: until the engine can be asked again the container counts as running. After each
 * connect it is inspected once, for what happened in between.
 */
export class EndWatch {
  /** Resolves when no end can be missed any more; rejects with a CarnaError when the engine cannot be followed at all. */
  readonly ready: Promise<void>;
  /** Never rejects; never settles when closed before. */
  readonly ended: Promise<ContainerEnd>;
  readonly #id: string;
  readonly #deps: WatchDeps;
  readonly #over = new AbortController();
  readonly #sinceSeconds: number;
  #settle: (end: ContainerEnd) => void = () => undefined;
  #oomMs = -Infinity;

  constructor(id: string, deps: WatchDeps) {
    this.#id = id;
    this.#deps = deps;
    this.#sinceSeconds = Math.floor(deps.time.wallMs() / 1_000) - 1;
    this.ended = new Promise((resolve) => (this.#settle = resolve));
    this.ready = this.#connect().then((events) => void this.#follow(events));
    this.ready.catch(() => this.close());
  }

  close(): void {
    this.#over.abort();
  }

  /** Goes on until the end is known or nobody wants to know it any more. */
  async #follow(first: AsyncIterable<EngineEvent>): Promise<void> {
    const { log, time } = this.#deps;
    const over = this.#over.signal;
    let events: AsyncIterable<EngineEvent> | null = first;
    for (let attempt = 0; !over.aborted;) {
      try {
        events ??= await this.#connect();
        if (attempt > 0) log.info('following the events of Docker again');
        attempt = 0;
        for await (const event of events) this.#onEvent(event);
        if (!over.aborted) log.warn("Docker's events broke off, the server counts as running");
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
        if (attempt === 0) log.warn({ err }, 'cannot follow Docker, the server counts as running');
      }
      events = null;
      await time.wait(backoffMs(attempt, RECONNECT, time.random), over);
      attempt += 1;
    }
  }

  async #connect(): Promise<AsyncIterable<EngineEvent>> {
    const { engine } = this.#deps;
    const events = await engine.events(this.#id, this.#sinceSeconds, this.#over.signal);
    this.#onLevel(await engine.inspect(this.#id));
    return events;
  }

  #onLevel(facts: ContainerFacts | null): void {
    if (facts === null) {
      void this.#deps.time.wait(REPLAY_MS, this.#over.signal).then(() => this.#end(null, false));
    } else if (!facts.isRunning && facts.status !== 'created') {
      this.#end(facts.exitCode, facts.isOomKilled);
    }
  }

  #onEvent({ action, exitCode }: EngineEvent): void {
    if (action === 'oom') this.#oomMs = this.#deps.time.monoMs();
    if (action === 'die') this.#end(exitCode, false);
    if (action === 'destroy') this.#end(null, false);
  }

  #end(exitCode: number | null, isOomKilled: boolean): void {
    if (this.#over.signal.aborted) return;
    const { time } = this.#deps;
    const isOutOfMemory = isOomKilled || time.monoMs() - this.#oomMs <= OOM_BEFORE_MS;
    this.#settle({ exitCode, isOutOfMemory, noticedAtMs: time.wallMs() });
    this.close();
  }
}
