import type { AppliedRecord, Role } from '../topology/node.js';
import { MAX_TRACES } from '../topology/node.js';
import { isListing } from '../topology/unlisted.js';
import type { Wiring } from '../topology/wiring.js';
import { consumersOf, setsListing } from '../topology/wiring.js';
import type { NodeStatus } from './node-status.js';
import type { AgentView, NodePublication } from './ports.js';

/** The roles whose Kamailios send calls to nodes of `role`. */
export function rolesListing(wiring: Wiring, role: Role): readonly Role[] {
  return [...new Set(setsListing(wiring, role).flatMap((setid) => consumersOf(wiring, setid)))];
}

export interface ListingDeps {
  readonly view: AgentView;
  readonly status: Pick<NodeStatus, 'state' | 'traceId' | 'publishedAtMs'>;
  /** The roles whose Kamailios list this node. */
  readonly consumers: readonly Role[];
  /** Of the node in the sets that list it; see unlisted.ts. */
  readonly keys: readonly string[];
  readonly wallMs: () => number;
  readonly publication: Pick<NodePublication, 'settled'>;
}

/** A change that a full record does not name is taken for committed after this time: a trace that is to come has come. */
const CUT_AFTER_MS = 10_000;

/**
 * Whether the node's last change is proven: it stands in the table, and every living Kamailio that lists the
 * node acknowledged a list at least as new; of a node that is up also one that has it, while a drain needs no
 * reload. A Kamailio that is not running has acknowledged nothing and is not waited for.
 *
 * The acknowledgements are followed only from the commit of a change to its proof: with each generation every
 * Kamailio writes one, and would wake every agent of the data centre.
 */
export class Listing {
  readonly #deps: ListingDeps;
  #traceId: string | null = null;
  /** That of the change, or a later one. Records keep only the newest traces: once seen, it stays known. */
  #generation: number | null = null;
  /** The one that was told when the change was made: its own is a later one. Null = none was read yet. */
  #before: number | null = null;
  /** The one that was told when the view was looked at last. */
  #told: number | null;
  /** Whether the registry was seen to hold the change. */
  #isWritten = false;
  #isAsking = false;
  #isProven = false;
  #isGivenUp = false;
  #onProven: () => void = () => undefined;

  constructor(deps: ListingDeps) {
    this.#deps = deps;
    this.#told = told(deps.view);
  }

  /** Stays true until the node changes again. */
  get isProven(): boolean {
    this.#look();
    return this.#isProven;
  }

  /** False for a node that nobody sends calls to. */
  get hasConsumers(): boolean {
    return this.#deps.consumers.length > 0;
  }

  /** Nobody waits for the proof of this change any more. */
  giveUp(): void {
    this.#look();
    this.#isGivenUp = true;
    this.#deps.view.unwatchApplied();
  }

  /** Looks at every change of the view; `onProven` is called once for each change. Gives the function that ends it. */
  follow(onProven: () => void): () => void {
    const { view } = this.#deps;
    this.#onProven = onProven;
    const unsubscribe = view.subscribe(() => this.#look());
    return () => {
      unsubscribe();
      this.#onProven = () => undefined;
      view.unwatchApplied();
    };
  }

  #look(): void {
    const { view, status } = this.#deps;
    if (status.traceId !== this.#traceId) {
      this.#traceId = status.traceId;
      this.#generation = null;
      this.#before = this.#told;
      this.#isWritten = false;
      this.#isProven = false;
      this.#isGivenUp = false;
    }
    this.#told = told(view);
    this.#before ??= this.#told;
    if (!this.#isWaiting()) {
      view.unwatchApplied();
      return;
    }
    if (this.hasConsumers) view.watchApplied();
    const records = this.hasConsumers ? view.applied() : new Map<string, AppliedRecord>();
    if (records === null || ![...records.values()].every((record) => this.#isBy(record))) return;
    this.#isProven = true;
    view.unwatchApplied();
    this.#onProven();
  }

  /** False also before the commit: until then there is nothing to be proven. */
  #isWaiting(): boolean {
    const { status } = this.#deps;
    if (this.#isProven || this.#isGivenUp) return false;
    if (status.state !== 'up' && status.state !== 'draining') return false;
    this.#generation ??= this.#committedIn();
    return this.#generation !== null;
  }

  /**
   * By the trace of the change. One commit may make more changes than the record has room for: one that has stood
   * for a while, and that is older than the commit of a full record, is in it or was in one before. But a record is
   * full as a rule, and names all changes since its oldest: one of later ones only may have cut ours.
   */
  #committedIn(): number | null {
    const record = this.#deps.view.generation();
    if (record === null) return null;
    const trace = record.traces.find(({ id }) => id === this.#traceId);
    if (trace !== undefined) return trace.generation;
    const [oldest] = record.traces;
    const { publishedAtMs } = this.#deps.status;
    if (publishedAtMs === null || oldest === undefined || this.#before === null) return null;
    if (record.traces.length < MAX_TRACES || oldest.generation <= this.#before) return null;
    const isOld = publishedAtMs < record.committedAtMs;
    const hasStood = this.#deps.wallMs() - publishedAtMs >= CUT_AFTER_MS;
    return isOld && hasStood && this.#hasWritten() ? record.generation : null;
  }

  /** Asks when it is not known: the next look has the answer. */
  #hasWritten(): boolean {
    if (!this.#isWritten && !this.#isAsking) void this.#askWritten();
    return this.#isWritten;
  }

  async #askWritten(): Promise<void> {
    const asked = this.#traceId;
    this.#isAsking = true;
    const isWritten = await this.#deps.publication.settled(0);
    this.#isAsking = false;
    if (this.#traceId === asked) this.#isWritten = isWritten;
  }

  #isBy(record: AppliedRecord): boolean {
    const { status, consumers, keys } = this.#deps;
    if (!consumers.includes(record.role)) return true;
    const needed = status.state === 'up' ? keys : [];
    return record.generation >= (this.#generation ?? 0) && isListing(record, needed);
  }
}

/** The generation that the view tells; 0 when none was committed, null when that is not known. */
function told(view: AgentView): number | null {
  return view.generation()?.generation ?? (view.isFresh() ? 0 : null);
}
