import { parentOf } from './zookeeper-tree.js';

const EVENTS = { created: 1, deleted: 2, changed: 3 } as const;
const CHILDREN_EVENT = 4;

/** The watches of one connection: one-shot ones on data and children, and recursive ones that stay. */
export class ZkWatches {
  readonly data = new Set<string>();
  readonly children = new Set<string>();
  readonly recursive = new Set<string>();

  /** What the connection is told of a change; a one-shot watch is used up. */
  noticesOf(
    path: string,
    event: keyof typeof EVENTS,
  ): { readonly type: number; readonly path: string }[] {
    const notices: { readonly type: number; readonly path: string }[] = [];
    const isOwn = this.data.delete(path);
    const isChild = event === 'deleted' && this.children.delete(path);
    if (isOwn || isChild || this.#isBelow(path)) notices.push({ type: EVENTS[event], path });
    const parent = parentOf(path);
    if (event !== 'changed' && this.children.delete(parent)) {
      notices.push({ type: CHILDREN_EVENT, path: parent });
    }
    return notices;
  }

  #isBelow(path: string): boolean {
    for (const root of this.recursive) {
      if (path === root || path.startsWith(`${root}/`)) return true;
    }
    return false;
  }
}
