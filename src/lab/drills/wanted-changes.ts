import { CarnaError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { LabNode } from '../plan.js';
import { askDrain, takeBack } from './drain-round.js';
import type { DrillStage } from './stage.js';
import { addressOf, untilFound, wallMs } from './stage.js';

const EVERY_MS = 400;

/** Changes that an operator goes on wanting: one node is drained and taken back, again and again. */
export class WantedChanges {
  readonly #stage: DrillStage;
  readonly #node: LabNode;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #asked = 0;

  /** Begins at once. */
  constructor(stage: DrillStage, node: LabNode) {
    this.#stage = stage;
    this.#node = node;
    this.#done = this.#run();
  }

  /** How many changes were asked for. */
  get asked(): number {
    return this.#asked;
  }

  /** No drain stays; safe to call twice. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await takeBack(this.#stage, this.#node);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await askDrain(this.#stage, this.#node, null);
        this.#asked++;
        await wait(EVERY_MS, signal);
        await this.#stage.platform.registry.removeIntent(this.#node.name);
        this.#asked++;
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err; // The registry is away: asked again.
      }
      await wait(EVERY_MS, signal);
    }
  }
}

const POLL_MS = 20;

/** Resolves when the rows of a node have these flags: wall clock in ms; null when they do not in time. */
export async function untilFlags(
  { platform, signal }: DrillStage,
  node: LabNode,
  flags: number,
  timeoutMs: number,
): Promise<number | null> {
  const find = async (): Promise<number | null> => {
    try {
      const rows = [...(await platform.rowVersions())];
      const own = rows.filter(([key]) => key.endsWith(` sip:${addressOf(node)}`));
      const isSo = own.every(([, version]) => version.split(' ').at(-1) === String(flags));
      return isSo && own.length > 0 ? wallMs() : null;
    } catch (err) {
      if (err instanceof CarnaError) return null; // Not back yet.
      throw err;
    }
  };
  return untilFound(find, timeoutMs, POLL_MS, signal);
}
