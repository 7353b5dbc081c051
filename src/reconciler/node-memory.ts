import type { LiveNode } from '../topology/desired-rows.js';
import type { NodeRecord } from '../topology/node.js';

/** More vanished nodes than this are forgotten, oldest first; their rows are kept all the same. */
const MAX_VANISHED = 20_000;

/** Remembers the last record of every node, so that a goodbye can be told from silence after the znode is gone. */
export class NodeMemory {
  readonly #last = new Map<string, NodeRecord>();
  readonly #vanished = new Map<string, NodeRecord>();

  /** Takes in what a fresh view shows. */
  observe(nodes: ReadonlyMap<string, LiveNode>): void {
    for (const [nodeId, { record }] of nodes) {
      if (this.#last.get(nodeId) === record) continue;
      this.#last.set(nodeId, record);
      this.#vanished.delete(nodeId);
    }
    if (this.#last.size === nodes.size) return;
    for (const [nodeId, record] of this.#last) {
      if (nodes.has(nodeId)) continue;
      this.#last.delete(nodeId);
      this.#vanished.set(nodeId, record);
    }
    this.#trim();
  }

  /** The last record of the nodes that are gone. */
  vanished(): ReadonlyMap<string, NodeRecord> {
    return this.#vanished;
  }

  /** Forgets the vanished nodes for which `isNeeded` answers false: those without any row left. */
  forget(isNeeded: (nodeId: string) => boolean): void {
    for (const nodeId of this.#vanished.keys()) {
      if (!isNeeded(nodeId)) this.#vanished.delete(nodeId);
    }
  }

  #trim(): void {
    for (const nodeId of this.#vanished.keys()) {
      if (this.#vanished.size <= MAX_VANISHED) return;
      this.#vanished.delete(nodeId);
    }
  }
}
