import type { NodesSnapshot } from './nodes.js';
import { NodesReader } from './nodes.js';
import type { DcPaths } from './paths.js';
import type { ZkSession } from './session.js';
import { TreeView } from './tree-view.js';
import type { ViewOptions } from './views.js';

/** The folder itself is made once and stays: when it is gone, the tree was wiped, and no node is. */
const LANDMARKS = [''];

/** The nodes of a data centre and nothing else, for an agent that has peers and for the reconcilers of other data centres. */
export class NodesView {
  readonly #tree: TreeView;
  readonly #reader = new NodesReader();
  #last: NodesSnapshot | null = null;

  constructor(session: ZkSession, paths: DcPaths, options: ViewOptions) {
    this.#tree = TreeView.open(session, paths.nodes, { ...options, landmarks: LANDMARKS });
  }

  nodes(): NodesSnapshot {
    const tree = this.#tree.snapshot();
    if (this.#last?.revision === tree.revision) return this.#last;
    const below = <T>(found: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
      new Map([...found].flatMap(([path, one]) => (path === '' ? [] : [[`nodes/${path}`, one]])));
    const entries = below(tree.entries);
    this.#last = this.#reader.read({ ...tree, entries, unreadable: below(tree.unreadable) });
    return this.#last;
  }

  isFresh(): boolean {
    return this.#tree.snapshot().isFresh;
  }

  /** False while the folder is not there: the registry is new, another one, or was wiped, and tells nothing of nodes. */
  hasFolder(): boolean {
    return this.#tree.snapshot().entries.has('');
  }

  /** See TreeView.subscribe. */
  subscribe(listener: () => void): () => void {
    return this.#tree.subscribe(listener);
  }

  /** Rejects when not everything could be read within `timeoutMs`. */
  async whenFresh(timeoutMs: number): Promise<void> {
    await this.#tree.whenFresh(timeoutMs);
  }

  close(): void {
    this.#tree.close();
  }
}
