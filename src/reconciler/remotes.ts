import type { AdmissionInput } from '../topology/admission.js';
import type { Evidence, LiveNode } from '../topology/desired-rows.js';
import { describeRow, zoned } from '../topology/dispatcher-row.js';
import type { NodeRecord, RemoteLink } from '../topology/node.js';
import type { ZoneInput } from '../topology/plan-zones.js';
import type { Wiring } from '../topology/wiring.js';
import type { Clock } from '../util/clock.js';
import { Freshness } from './freshness.js';
import { NodeMemory } from './node-memory.js';

/** The registry of another data centre, read and never written. */
export interface RemoteView {
  readonly dc: string;
  nodes(): ReadonlyMap<string, LiveNode>;
  /** False while it cannot be read, was not read yet, or is not what it was: nothing is judged then. */
  isFresh(): boolean;
  /** Calls `listener` after a change of the nodes or of freshness; gives the way to stop it. */
  subscribe(listener: () => void): () => void;
}

/** How another data centre is seen. */
export interface RemoteStatus {
  readonly dc: string;
  readonly link: RemoteLink;
  /** Wall clock in ms since when; of a stale one, when it was known for the last time. */
  readonly sinceMs: number;
  /** Of the roles that have a set for other data centres, as last known. */
  readonly nodes: number;
}

/** What the witness knows, by the names that nodes have here. */
export interface Witnessed {
  readonly evidence: ReadonlyMap<string, Evidence>;
  readonly silentSinceMs: ReadonlyMap<string, number>;
  readonly admission: AdmissionInput;
}

interface RemoteDeps {
  readonly wiring: Wiring;
  readonly clock: Clock;
  /** How long a view must have been whole before anything is removed. */
  readonly settleMs: number;
}

/** The other data centres: their nodes as last seen, and what is remembered of them. Outlives a term. */
export class Remotes {
  readonly #zones: readonly Remote[];

  constructor(views: readonly RemoteView[], deps: RemoteDeps) {
    this.#zones = views.map((view) => new Remote(view, deps));
  }

  /** Takes in what the views show now. */
  observe(): void {
    for (const zone of this.#zones) zone.observe();
  }

  /** What a pass is told of them. */
  inputs(witnessed: Witnessed): readonly ZoneInput[] {
    return this.#zones.map((zone) => zone.input(witnessed));
  }

  status(): readonly RemoteStatus[] {
    return this.#zones.map((zone) => zone.status());
  }

  /** The record of a node by its zoned name; undefined when it is no node of theirs or not seen now. */
  recordOf(name: string): NodeRecord | undefined {
    const slash = name.indexOf('/');
    if (slash === -1) return undefined;
    const zone = this.#zones.find(({ dc }) => dc === name.slice(0, slash));
    return zone?.recordOf(name.slice(slash + 1));
  }

  /** The row descriptions of vanished nodes that are remembered. */
  vanishedOwners(): readonly string[] {
    return this.#zones.flatMap((zone) => zone.vanishedOwners());
  }

  /** Vanished nodes that are remembered. */
  get vanished(): number {
    return this.#zones.reduce((sum, zone) => sum + zone.vanished, 0);
  }

  /** Forgets the vanished nodes that none of these row descriptions names. */
  forget(owners: ReadonlySet<string>): void {
    for (const zone of this.#zones) zone.forget(owners);
  }

  /** Nodes that are known, present and vanished. */
  get size(): number {
    return this.#zones.reduce((sum, zone) => sum + zone.size, 0);
  }

  /** True when each of them has been seen whole for the settle time; also when there is none. */
  areSettled(): boolean {
    return this.#zones.every((zone) => zone.freshness.isSettled());
  }

  /** Milliseconds until each view that is whole but not yet settled is. */
  settlesInMs(): readonly number[] {
    return this.#zones.flatMap((zone) => {
      const inMs = zone.freshness.settlesInMs() ?? 0;
      return inMs === 0 ? [] : [inMs];
    });
  }
}

const NOBODY: ReadonlyMap<string, LiveNode> = new Map();

class Remote {
  readonly dc: string;
  readonly freshness: Freshness;
  readonly #view: RemoteView;
  readonly #memory = new NodeMemory();
  readonly #clock: Clock;
  readonly #roles: ReadonlySet<string>;
  #link: RemoteLink = 'unread';
  #sinceMs: number;
  /** Those of `#of` that matter here, as last seen. */
  #nodes = NOBODY;
  #of = NOBODY;

  constructor(view: RemoteView, { wiring, clock, settleMs }: RemoteDeps) {
    this.dc = view.dc;
    this.#view = view;
    this.#clock = clock;
    this.#roles = new Set(wiring.filter((rule) => rule.remote === true).map((r) => r.target));
    this.#sinceMs = clock.wallMs();
    this.freshness = new Freshness(clock, settleMs);
  }

  get size(): number {
    return this.#nodes.size + this.vanished;
  }

  get vanished(): number {
    return this.#memory.vanished().size;
  }

  vanishedOwners(): readonly string[] {
    return [...this.#memory.vanished().keys()].map((nodeId) => this.#ownerOf(nodeId));
  }

  /** Gives whether they are seen now. A view that is not whole is not remembered: what it lacks may still be there. */
  observe(): boolean {
    const isFresh = this.#view.isFresh();
    this.freshness.note(isFresh);
    const link: RemoteLink = isFresh ? 'linked' : this.#link === 'linked' ? 'stale' : this.#link;
    if (link !== this.#link) this.#sinceMs = this.#clock.wallMs();
    this.#link = link;
    if (!isFresh) return false;
    const seen = this.#view.nodes();
    if (seen !== this.#of) {
      this.#of = seen;
      this.#nodes = new Map([...seen].filter(([, { record }]) => this.#isWanted(record)));
    }
    this.#memory.observe(this.#nodes);
    return true;
  }

  input({ evidence, silentSinceMs, admission }: Witnessed): ZoneInput {
    if (!this.observe()) return { dc: this.dc, sight: null };
    const sight = {
      nodes: this.#nodes,
      remembered: this.#memory.vanished(),
      evidence: this.#ownOf(evidence),
      silentSinceMs: this.#ownOf(silentSinceMs),
      admission: {
        evidence: this.#ownOf(admission.evidence),
        sinceMs: this.#ownOf(admission.sinceMs),
        monoMs: admission.monoMs,
      },
      isSettled: this.freshness.isSettled(),
      freshForMs: this.freshness.freshForMs(),
    };
    return { dc: this.dc, sight };
  }

  status(): RemoteStatus {
    this.observe();
    return { dc: this.dc, link: this.#link, sinceMs: this.#sinceMs, nodes: this.#nodes.size };
  }

  recordOf(nodeId: string): NodeRecord | undefined {
    return this.#nodes.get(nodeId)?.record;
  }

  forget(owners: ReadonlySet<string>): void {
    this.#memory.forget((nodeId) => owners.has(this.#ownerOf(nodeId)));
  }

  #ownerOf(nodeId: string): string {
    return describeRow(zoned(this.dc, nodeId));
  }

  /** A record that speaks for another data centre, perhaps our own, is somebody's mistake. */
  #isWanted(record: NodeRecord): boolean {
    return record.dc === this.dc && this.#roles.has(record.role);
  }

  #ownOf<T>(named: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
    const prefix = zoned(this.dc, '');
    const own = [...named].filter(([name]) => name.startsWith(prefix));
    return new Map(own.map(([name, value]) => [name.slice(prefix.length), value] as const));
  }
}
