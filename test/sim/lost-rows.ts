import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Rows } from './postgres-rows.js';
import type { World } from './world.js';
import { DC_ROOT } from './world.js';

/** Rows that a PostgreSQL without the last commits lost, until somebody writes them again. */
export class LostRows {
  readonly #world: World;
  /** By rowKey(): the znode that their node had then. */
  readonly #znodes = new Map<string, string | undefined>();

  constructor(world: World) {
    this.#world = world;
  }

  onWentBack(before: Rows): void {
    const { postgres, truth, zookeeper } = this.#world;
    for (const [key, { destination }] of before) {
      if (postgres.rows.has(key)) continue;
      const prefix = `${DC_ROOT}/nodes/${truth.nodeOf(destination)?.nodeId}~`;
      this.#znodes.set(
        key,
        [...zookeeper.tree.keys()].find((path) => path.startsWith(prefix)),
      );
    }
  }

  onCommit(after: Rows): void {
    for (const key of this.#znodes.keys()) if (after.has(key)) this.#znodes.delete(key);
  }

  /** True when its node was gone from the registry since then, or unfit: nobody could know that it is wanted. */
  isForgotten(row: Pick<DispatcherRow, 'setid' | 'destination'>): boolean {
    const key = rowKey(row);
    if (!this.#znodes.has(key)) return false;
    const { truth, zookeeper } = this.#world;
    const node = truth.nodeOf(row.destination);
    const path = this.#znodes.get(key);
    const isListed = path !== undefined && zookeeper.tree.has(path);
    return !isListed || node === undefined || !truth.isSound(node);
  }
}
