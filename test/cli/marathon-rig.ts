import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OperatorData } from '../../src/cli/operator-data.js';
import type { NodeRecord, Role } from '../../src/topology/node.js';
import { MemoryDriver } from '../minimarathon/memory-driver.js';
import type { MemoryTask } from '../minimarathon/memory-driver.js';
import type { Rig } from '../minimarathon/support.js';
import { hosts, withRig } from '../minimarathon/support.js';
import { listedTopology } from './listed-topology.js';
import type { Outcome, Terminal } from './support.js';
import { carna, fakeData, node } from './support.js';

/** What `withCarna` gives to a test. */
export interface CarnaRig {
  readonly rig: Rig;
  /** Runs a command line in which FILE stands for a file with the definition. */
  readonly run: (line: string, definition: unknown, terminal?: Terminal) => Promise<Outcome>;
  /** Nodes that are up now. */
  readonly upCount: () => number;
  /** The fewest that were up at any look of a command since the last call. */
  readonly takeFewestUp: () => number;
}

/** How a task of this rig behaves; the default is a node that is up at once and drains in a few looks. */
export interface NodeBehaviour {
  /** What its agent says now; null: nothing. */
  state(task: MemoryTask): NodeRecord['state'] | null;
}

const OBEDIENT: NodeBehaviour = {
  state: (task) => (task.stops.length > 0 ? 'draining' : 'up'),
};

/**
 * A contract server over tasks in memory, each of which is a node by its environment, listed while it is up. A task
 * that is told to stop drains for some looks and ends then.
 */
export async function withCarna(
  use: (given: CarnaRig) => Promise<void>,
  behaviour: NodeBehaviour = OBEDIENT,
  onLaunch: (task: MemoryTask) => void = () => undefined,
): Promise<void> {
  const memory = new MemoryDriver((task) => {
    task.isObedient = false;
    onLaunch(task);
  });
  const dir = mkdtempSync(join(tmpdir(), 'carna-rig-'));
  const file = join(dir, 'file.json');
  const registry = new TaskRegistry(memory, behaviour);
  try {
    await withRig(
      async (rig) =>
        use({
          rig,
          upCount: () => registry.upCount(),
          takeFewestUp: () => registry.takeFewestUp(),
          run: async (line, definition, terminal = {}) => {
            writeFileSync(file, JSON.stringify(definition));
            const { url, standbyUrl } = rig.marathon;
            const env = { CARNA_MARATHON: `${url},${standbyUrl}`, ...terminal.env };
            const words = line.replace('FILE', file);
            const outcome = await carna(words, registry.data(), { ...terminal, env });
            return { ...outcome, out: outcome.out.replaceAll(file, 'FILE') };
          },
        }),
      { memory, hosts: hosts(6) },
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Looks that a drain lasts. */
const DRAIN_LOOKS = 4;

class TaskRegistry {
  readonly #memory: MemoryDriver;
  readonly #behaviour: NodeBehaviour;
  readonly #drained = new Map<MemoryTask, number>();
  #fewestUp = Number.POSITIVE_INFINITY;

  constructor(memory: MemoryDriver, behaviour: NodeBehaviour) {
    this.#memory = memory;
    this.#behaviour = behaviour;
  }

  upCount(): number {
    return this.#records().filter(({ state }) => state === 'up').length;
  }

  takeFewestUp(): number {
    const fewest = this.#fewestUp;
    this.#fewestUp = Number.POSITIVE_INFINITY;
    return fewest;
  }

  data(): OperatorData {
    return fakeData({
      readTopology: async () => {
        this.#drain();
        const records = this.#records();
        this.#fewestUp = Math.min(this.#fewestUp, this.upCount());
        return listedTopology(records);
      },
    });
  }

  #drain(): void {
    for (const task of this.#memory.tasks) {
      if (task.isEnded || task.stops.length === 0) continue;
      const looks = (this.#drained.get(task) ?? 0) + 1;
      this.#drained.set(task, looks);
      if (looks > DRAIN_LOOKS) task.finish(0);
    }
  }

  #records(): NodeRecord[] {
    return this.#memory.tasks.flatMap((task, index) => {
      const { taskId, appId, env } = task.spec;
      const state = task.isEnded ? null : this.#behaviour.state(task);
      const role = env['CARNA_ROLE'] as Role | undefined;
      if (state === null || role === undefined) return [];
      const marathon = { taskId, appId, appVersion: env['MARATHON_APP_VERSION'] ?? '' };
      const ip = `10.8.${Math.floor(index / 250)}.${(index % 250) + 1}`;
      return [node(role, taskId, ip, { state, marathon })];
    });
  }
}
