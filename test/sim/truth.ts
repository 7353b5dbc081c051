import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import type { NodeState, OverrideRecord } from '../../src/topology/node.js';
import type { SimNode, World } from './world.js';

/** A word said so long ago may still be acted upon: by a leader that stood still, through a slow database. */
const STALE_MS = 40_000;
/** What the witness found may be as old as this: its interval and its deadline. */
const EVIDENCE_MS = 2_500;

/** What is true of the nodes: who said what, who answers, and who was troubled by whom. */
export class Truth {
  readonly #world: World;
  /** Who said something other than "up", and until when that may be acted upon. */
  readonly #away = new Map<string, Set<'record' | 'intent'>>();
  readonly #awayUntilMs = new Map<string, number>();
  /** Until when something was wrong with a destination itself. */
  readonly #troubledUntilMs = new Map<string, number>();
  /** `reconciler>destination`: since when, and until when, its OPTIONS got no answer. */
  readonly #unreached = new Map<string, { readonly sinceMs: number; untilMs: number | null }>();
  /** Overrides that were said and let nothing through so far, as `setid since`. */
  readonly #words = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** An agent is about to publish this state. */
  said(nodeId: string, state: NodeState | null): void {
    this.#note(nodeId, 'record', state !== 'up');
  }

  /** An operator is about to set or take back an intent. */
  intended(nodeId: string, isSet: boolean): void {
    this.#note(nodeId, 'intent', isSet);
  }

  /** An operator is about to override the guards of a set, or the commit that used his word was lost. */
  overridden({ setid, since }: Pick<OverrideRecord, 'setid' | 'since'>): void {
    this.#words.add(`${setid} ${since}`);
  }

  /** A commit used the word. False when nobody said it, or another commit used it before. */
  uses({ setid, since }: Pick<OverrideRecord, 'setid' | 'since'>): boolean {
    return this.#words.delete(`${setid} ${since}`);
  }

  /** Something was done to this destination that Carna is not to blame for. */
  trouble(destination: string): void {
    this.#troubledUntilMs.set(destination, this.#nowMs + STALE_MS);
  }

  onSip(destination: string | null): void {
    if (this.#nowMs === 0) return; // What runs from the beginning was never in trouble.
    for (const node of this.#world.nodes) {
      if (destination !== null && node.destination !== destination) continue;
      this.trouble(node.destination);
      for (const host of this.#world.reconcilers) this.#noteReach(host.name, node.destination);
    }
  }

  #noteReach(from: string, destination: string): void {
    const link = `${from}>${destination}`;
    const known = this.#unreached.get(link);
    const isReached = this.#world.sip.reaches(from, destination);
    if (isReached && known?.untilMs === null) known.untilMs = this.#nowMs;
    if (isReached || known?.untilMs === null) return;
    this.#unreached.set(link, { sinceMs: this.#nowMs, untilMs: null });
  }

  #note(nodeId: string, what: 'record' | 'intent', isAway: boolean): void {
    const reasons = this.#away.get(nodeId) ?? new Set();
    this.#away.set(nodeId, reasons);
    if (reasons.size > 0 || isAway) this.#awayUntilMs.set(nodeId, this.#nowMs + STALE_MS);
    if (isAway) reasons.add(what);
    else reasons.delete(what);
  }

  /** Its owner or an operator said that it should not take calls, lately or still. */
  isExplained(row: DispatcherRow): boolean {
    const nodeId = row.description.slice('carna:'.length);
    return this.#isAway(nodeId);
  }

  #isAway(nodeId: string): boolean {
    if ((this.#away.get(nodeId)?.size ?? 0) > 0) return true;
    return (this.#awayUntilMs.get(nodeId) ?? 0) > this.#nowMs;
  }

  /** For long enough its server has answered everybody and nobody has spoken against it. */
  isSound(node: SimNode): boolean {
    const { sip } = this.#world;
    if (!sip.answers(node.destination) || sip.isCut(node.destination)) return false;
    if ((this.#troubledUntilMs.get(node.destination) ?? 0) > this.#nowMs) return false;
    return !this.#isAway(node.nodeId);
  }

  nodeOf(destination: string): SimNode | undefined {
    return this.#world.nodes.findLast((node) => node.destination === destination);
  }

  /** For how long the OPTIONS of a reconciler have had no answer there. */
  silentMs(host: string, destination: string): number {
    const found = this.#unreached.get(`${host}>${destination}`);
    if (found === undefined) return 0;
    const isOver = this.#nowMs - (found.untilMs ?? this.#nowMs) > EVIDENCE_MS;
    return isOver ? 0 : this.#nowMs - found.sinceMs;
  }

  get #nowMs(): number {
    return this.#world.scheduler.nowMs;
  }
}
