import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import type { Rows } from './postgres-rows.js';
import type { World } from './world.js';
import { DC_ROOT } from './world.js';

/** Rows that a PostgreSQL without the last commits lost, until somebody writes them again or lets their set go. */
export class LostRows {
  readonly #world: World;
  /** By rowKey(): the znode that their node had then. */
  readonly #znodes = new Map<string, string | undefined>();

  /** Sets. */
  readonly #letGo = new Set<number>();
  /** How often ZooKeeper had been wiped when PostgreSQL went back. */
  #wipes = 0;
  /** True once somebody who could read what was told wrote the table anew: it is kept in it from then on. */
  #isNoticed = true;
  /** Whether the generation znode stood when PostgreSQL went back: a wipe before that took it along. */
  #wasTold = true;

  constructor(world: World) {
    this.#world = world;
  }

  onWentBack(before: Rows): void {
    const { postgres, truth, zookeeper } = this.#world;
    this.#wipes = zookeeper.wipes;
    this.#isNoticed = false;
    this.#wasTold = zookeeper.tree.has(`${DC_ROOT}/generation`);
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
    if (this.#world.zookeeper.wipes === this.#wipes) this.#isNoticed = true;
    for (const key of this.#znodes.keys()) if (after.has(key)) this.#znodes.delete(key);
    for (const { setid } of after.values()) this.#letGo.delete(setid);
  }

  /** A commit used an operator's word for these sets: those of them that had no row are empty by that word. */
  letGo(overridden: ReadonlySet<number>, before: Rows): readonly number[] {
    const filled = new Set([...before.values()].map(({ setid }) => setid));
    const empty = [...overridden].filter((setid) => !filled.has(setid));
    for (const setid of empty) this.#letGo.add(setid);
    return empty;
  }

  /**
   * True when its node was gone from the registry since then, or unfit: nobody could know that it is wanted. That a
   * set was filled which lost all its rows, the generation znode told, unless it was lost before anybody noticed.
   */
  isForgotten(row: Pick<DispatcherRow, 'setid' | 'destination'>): boolean {
    const key = rowKey(row);
    if (!this.#znodes.has(key)) return false;
    const { truth, zookeeper, postgres } = this.#world;
    if (this.#letGo.has(row.setid)) return true;
    const isWhollyLost = ![...postgres.rows.values()].some(({ setid }) => setid === row.setid);
    const isKnown = this.#wasTold && (this.#isNoticed || zookeeper.wipes === this.#wipes);
    if (isWhollyLost && isKnown) return false;
    const node = truth.nodeOf(row.destination);
    const path = this.#znodes.get(key);
    const isListed = path !== undefined && zookeeper.tree.has(path);
    return !isListed || node === undefined || !truth.isSound(node);
  }
}
