import type { AppliedRecord, IntentRecord } from '../topology/node.js';
import { readCandidates } from './candidates.js';
import { IntentKeeper } from './intent-keeper.js';
import type { IntentLook } from './intent-keeper.js';
import { GenerationReader, NodesReader, appliedReader, intentsReader } from './nodes.js';
import type { GenerationSnapshot, NodesSnapshot, RecordsSnapshot } from './nodes.js';
import type { OverridesSnapshot } from './overrides.js';
import { OverridesReader } from './overrides.js';
import type { DcPaths } from './paths.js';
import type { ZkSession } from './session.js';
import { TreeView } from './tree-view.js';
import type { TreeViewOptions } from './tree-view.js';

export type ViewOptions = Omit<TreeViewOptions, 'landmarks'>;

export interface AgentViewOptions extends ViewOptions {
  /** Writes an intent that was lost with ZooKeeper's data, unless one stands. */
  readonly restore: (record: IntentRecord) => Promise<void>;
}

export type DcPart = 'nodes' | 'intents' | 'overrides' | 'applied' | 'generation';

/** Made by `initialise` or the first who publishes, and never removed: the root and the folder of the nodes. */
const LANDMARKS = ['', 'nodes'];

/** Everything that a data centre publishes, typed. */
export class DcView {
  readonly #tree: TreeView;
  readonly #nodes = new NodesReader();
  readonly #intents = intentsReader();
  readonly #applied = appliedReader();
  readonly #generation = new GenerationReader('generation');
  readonly #overrides = new OverridesReader();

  constructor(session: ZkSession, paths: DcPaths, options: ViewOptions) {
    this.#tree = TreeView.open(session, paths.root, { ...options, landmarks: LANDMARKS });
  }

  nodes(): NodesSnapshot {
    return this.#nodes.read(this.#tree.snapshot());
  }

  intents(): RecordsSnapshot<IntentRecord> {
    return this.#intents.read(this.#tree.snapshot());
  }

  applied(): RecordsSnapshot<AppliedRecord> {
    return this.#applied.read(this.#tree.snapshot());
  }

  overrides(): OverridesSnapshot {
    return this.#overrides.read(this.#tree.snapshot());
  }

  generation(): GenerationSnapshot {
    return this.#generation.read(this.#tree.snapshot());
  }

  /** The reconcilers in the election, the one that leads first; see readCandidates. */
  candidates(): readonly string[] {
    return readCandidates(this.#tree.snapshot());
  }

  isFresh(): boolean {
    return this.#tree.snapshot().isFresh;
  }

  /** Wall clock in ms; null while fresh. */
  get staleSinceMs(): number | null {
    return this.#tree.snapshot().staleSinceMs;
  }

  /** Calls `listener` on changes of these parts (default: all) and of freshness; see TreeView.subscribe. */
  subscribe(listener: () => void, parts?: readonly DcPart[]): () => void {
    if (parts === undefined) return this.#tree.subscribe(listener);
    const wanted = new Set<string>(parts);
    return this.#tree.subscribe(listener, (path) => wanted.has(path.split('/', 1)[0] ?? ''));
  }

  /** Rejects when not everything could be read within `timeoutMs`; see TreeView.whenFresh. */
  async whenFresh(timeoutMs: number): Promise<void> {
    await this.#tree.whenFresh(timeoutMs);
  }

  close(): void {
    this.#tree.close();
  }
}

/** The two go out in this order and are answered in it. */
async function lookAtIntent(
  session: ZkSession,
  paths: DcPaths,
  nodeId: string,
): Promise<IntentLook> {
  const [own, folder] = await Promise.all([
    session.exists(`${paths.intents}/${nodeId}`),
    session.exists(paths.intents),
  ]);
  return { stands: own !== null, folder };
}

/** What one agent needs: the generation, the intent for its node, and on demand the acknowledgements of all. */
export class AgentView {
  readonly #session: ZkSession;
  readonly #paths: DcPaths;
  readonly #options: ViewOptions;
  readonly #intentName: string;
  readonly #generationTree: TreeView;
  readonly #intentTree: TreeView;
  readonly #generation = new GenerationReader('');
  readonly #intents = intentsReader();
  /** What ends each listener's subscription to each tree. */
  readonly #listeners = new Map<() => void, Map<TreeView, () => void>>();
  readonly #keeper: IntentKeeper;
  #appliedTree: TreeView | null = null;
  /** One for each tree: it tells by the revision whether it has read the tree already. */
  #applied = appliedReader();

  constructor(session: ZkSession, paths: DcPaths, nodeId: string, options: AgentViewOptions) {
    this.#session = session;
    this.#paths = paths;
    this.#options = options;
    this.#intentName = `intents/${nodeId}`;
    this.#generationTree = TreeView.open(session, paths.generation, options);
    this.#intentTree = TreeView.open(session, `${paths.intents}/${nodeId}`, options);
    this.#keeper = new IntentKeeper({
      look: () => lookAtIntent(session, paths, nodeId),
      restore: options.restore,
      onChange: () => {
        for (const listener of [...this.#listeners.keys()]) listener();
      },
      log: options.log.child({ component: 'intent' }),
    });
  }

  generation(): GenerationSnapshot {
    return this.#generation.read(this.#generationTree.snapshot());
  }

  /**
   * The operator's will for this node; null without one. A refused one is in `refused`. One that was lost with
   * ZooKeeper's data still counts; see intent-keeper.ts.
   */
  intent(): { readonly record: IntentRecord | null; readonly refused: string | null } {
    const tree = this.#intentTree.snapshot();
    const entry = tree.entries.get('');
    const entries = new Map(entry === undefined ? [] : [[this.#intentName, entry]]);
    const found = this.#intents.read({ ...tree, entries, unreadable: new Map() });
    const [first] = found.records.values();
    const record = this.#keeper.judge(first?.record ?? null, tree.isFresh);
    return { record, refused: found.refused[0]?.why ?? null };
  }

  /** From now on `applied()` is followed; may be called twice. */
  watchApplied(): void {
    if (this.#appliedTree !== null) return;
    const tree = TreeView.open(this.#session, this.#paths.applied, this.#options);
    this.#appliedTree = tree;
    this.#applied = appliedReader();
    for (const [listener, offs] of this.#listeners) offs.set(tree, tree.subscribe(listener));
  }

  /** `applied()` is not followed any more, until `watchApplied`; may be called twice. Needs ZooKeeper 3.6. */
  unwatchApplied(): void {
    const tree = this.#appliedTree;
    if (tree === null || !tree.unwatch()) return; // Nobody else follows this path in the session.
    this.#appliedTree = null;
    for (const offs of this.#listeners.values()) offs.delete(tree);
  }

  /** Null while not followed, or not fresh: what was read before a pause tells nothing of the present. */
  applied(): RecordsSnapshot<AppliedRecord> | null {
    const tree = this.#appliedTree?.snapshot();
    if (tree?.isFresh !== true) return null;
    const below = [...tree.entries].flatMap(([path, entry]) =>
      path === '' ? [] : [[`applied/${path}`, entry] as const],
    );
    return this.#applied.read({ ...tree, entries: new Map(below) });
  }

  isFresh(): boolean {
    return this.#trees().every((tree) => tree.snapshot().isFresh);
  }

  /** Wall clock in ms of the part that is stale for longest; null while all are fresh. */
  get staleSinceMs(): number | null {
    const since = this.#trees().flatMap((tree) => tree.snapshot().staleSinceMs ?? []);
    return since.length === 0 ? null : Math.min(...since);
  }

  subscribe(listener: () => void): () => void {
    // Each subscription is a key of its own although the same function may come twice.
    const own = (): void => listener();
    this.#listeners.set(
      own,
      new Map(this.#trees().map((tree) => [tree, tree.subscribe(own)] as const)),
    );
    return () => {
      for (const off of this.#listeners.get(own)?.values() ?? []) off();
      this.#listeners.delete(own);
    };
  }

  async whenFresh(timeoutMs: number): Promise<void> {
    await Promise.all(this.#trees().map((tree) => tree.whenFresh(timeoutMs)));
  }

  close(): void {
    for (const tree of this.#trees()) tree.close();
    this.#listeners.clear();
  }

  #trees(): TreeView[] {
    const always = [this.#generationTree, this.#intentTree];
    return this.#appliedTree === null ? always : [...always, this.#appliedTree];
  }
}
