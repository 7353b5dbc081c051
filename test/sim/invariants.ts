import type { LiveDestination } from '../../src/topology/live-destination.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import {
  FLAGS_INACTIVE_PROBED,
  isOurs,
  isSelectable,
  rowKey,
} from '../../src/topology/dispatcher-row.js';
import { decodeGenerationRecord } from '../../src/topology/node-codec.js';
import type { AppliedRecord } from '../../src/topology/node.js';
import type { RowChange } from '../../src/topology/diff-rows.js';
import { setHash } from '../../src/topology/set-hash.js';
import type { Actor } from './actor.js';
import { LostRows } from './lost-rows.js';
import type { Kamailio, ListCause } from './kamailio.js';
import type { Rows } from './postgres-rows.js';
import type { CommitReport } from './postgres.js';
import type { World } from './world.js';
import { DC_ROOT } from './world.js';
import type { Effect } from './zookeeper-tree.js';

const RELOAD_GAP_MS = 1_000;
/** Clocks and rounding. */
const SLACK_MS = 1;

interface Loss {
  readonly atMs: number;
  /** Of the set before it. */
  readonly rows: number;
  readonly destination: string;
}

/** Watches every step of a schedule and reports what must never happen. It alone knows the truth. */
export class Invariants {
  /** Commits that changed rows, reloads and set_states asked for, generation znodes written: for "nothing more to do". */
  writes = 0;
  /** True once somebody changed rows or lists by hand: what then differs for a while is not Carna's doing. */
  hasHandEdits = false;
  readonly #world: World;
  readonly #losses = new Map<number, Loss[]>();
  /** Sets whose last row went by a commit, which was judged then. */
  readonly #emptied = new Set<number>();
  /** Sets in which the commit at hand used an operator's word. */
  readonly #overridden = new Set<number>();
  readonly #lostRows: LostRows;
  #generation = { epoch: 0, generation: 0, wipes: 0 };

  constructor(world: World) {
    this.#world = world;
    this.#lostRows = new LostRows(world);
  }

  onZnodes(effects: readonly Effect[]): void {
    for (const { path, znode } of effects) {
      if (path !== `${DC_ROOT}/generation` || znode === null || znode.data === null) continue;
      this.writes += 1;
      const { epoch, generation } = decodeGenerationRecord(znode.data);
      const { wipes } = this.#world.zookeeper;
      const before = this.#generation;
      const isBack = epoch < before.epoch || generation < before.generation;
      if (before.wipes === wipes && isBack) {
        this.#violate(
          'the generation znode never goes back',
          `from ${before.epoch}/${before.generation} to ${epoch}/${generation}`,
        );
      }
      this.#generation = { epoch, generation, wipes };
    }
  }

  onCommit(report: CommitReport): void {
    const { plan, before, after, host, takenEpoch } = report;
    if (plan.epoch < takenEpoch) {
      this.#violate('I3', `${host} wrote with epoch ${plan.epoch}, ${takenEpoch} was taken`);
    }
    this.#noteWords(plan.overrides);
    for (const setid of this.#lostRows.letGo(this.#overridden, before)) this.#emptied.add(setid);
    this.#lostRows.onCommit(after);
    if (plan.changes.length === 0) return;
    this.writes += 1;
    for (const change of plan.changes) this.#checkChange(change, host);
    const setids = new Set(plan.changes.map((change) => change.row.setid));
    for (const setid of setids) {
      this.#checkSet(setid, before, after, plan.changes);
      if (countOf(after, setid).rows === 0) this.#emptied.add(setid);
      else this.#emptied.delete(setid);
    }
  }

  /** Each word of an operator excuses the losses of its set in one commit. */
  #noteWords(words: CommitReport['plan']['overrides']): void {
    this.#overridden.clear();
    for (const word of words) {
      if (this.#world.truth.uses(word)) this.#overridden.add(word.setid);
      else this.#violate('an override works once', `the one of set ${word.setid} was used again`);
    }
  }

  /** PostgreSQL lost what was committed since then: no set is short of it any more. `before`: its rows. */
  onWentBack(sinceMs: number, before: Rows): void {
    this.#lostRows.onWentBack(before);
    for (const [setid, losses] of this.#losses) {
      const kept = losses.filter(({ atMs }) => atMs < sinceMs);
      this.#losses.set(setid, kept);
      if (countOf(this.#world.postgres.rows, setid).rows > 0) this.#emptied.delete(setid);
    }
  }

  #checkChange(change: RowChange, host: string): void {
    if (change.kind !== 'insert' && !isOurs(change.row)) {
      this.#violate('rows of others are not touched', `${change.kind} ${rowKey(change.row)}`);
    }
    if (
      !takesAway(change) ||
      this.#world.truth.isExplained(change.row) ||
      this.#overridden.has(change.row.setid)
    ) {
      return;
    }
    if (change.kind === 'delete') this.#checkLimbo(change.row, host);
    const node = this.#world.truth.nodeOf(change.row.destination);
    if (node === undefined || !this.#world.truth.isSound(node)) return;
    const what = `${change.kind} ${rowKey(change.row)} flags ${change.row.flags}`;
    this.#violate('a node that answers SIP and was never said down keeps its row', what);
  }

  /** A silent node keeps its row for a while, whatever the wall clock says. */
  #checkLimbo({ destination }: DispatcherRow, host: string): void {
    const silentMs = this.#world.truth.silentMs(host, destination);
    if (silentMs >= this.#world.setup.limits.limboMs - SLACK_MS) return;
    const what = `${destination} was deleted after ${Math.round(silentMs)} ms without an answer`;
    this.#violate('the limbo of a silent node', what);
  }

  #checkSet(setid: number, before: Rows, after: Rows, changes: readonly RowChange[]): void {
    const own = changes.filter((change) => change.row.setid === setid && takesAway(change));
    const unexplained = own.filter((change) => !this.#world.truth.isExplained(change.row));
    if (unexplained.length === 0 || this.#overridden.has(setid)) return;
    const [was, is] = [countOf(before, setid), countOf(after, setid)];
    if (was.rows > 0 && is.rows === 0) this.#violate('I1', `set ${setid} lost its last row`);
    if (was.selectable > 0 && is.selectable === 0) {
      this.#violate('I1', `set ${setid} lost its last row that can take calls`);
    }
    this.#checkBudget(setid, was.rows, unexplained);
  }

  #checkBudget(setid: number, rows: number, unexplained: readonly RowChange[]): void {
    const { windowMs, share } = this.#world.setup.budget;
    const atMs = this.#nowMs;
    const recent = (this.#losses.get(setid) ?? []).filter(
      (loss) => atMs - loss.atMs < windowMs - SLACK_MS,
    );
    for (const { row } of unexplained) recent.push({ atMs, rows, destination: row.destination });
    this.#losses.set(setid, recent);
    const most = Math.max(...recent.map((loss) => loss.rows));
    const budget = Math.max(1, Math.floor(most * share));
    // One that is first disabled and then deleted is lost once.
    const lost = new Set(recent.map((loss) => loss.destination)).size;
    if (lost <= budget) return;
    const what = `set ${setid} of ${most} rows lost ${lost} within ${windowMs} ms, at most ${budget}`;
    this.#violate('the budget of unexplained losses', what);
  }

  onList(kamailio: Kamailio, before: readonly LiveDestination[], cause: ListCause): void {
    if (cause !== 'reload' && cause !== 'set_state') return;
    const { postgres } = this.#world;
    for (const setid of kamailio.deps.setids) {
      const had = before.some((dest) => dest.setid === setid && !this.#lostRows.isForgotten(dest));
      const has = kamailio.list.some((dest) => dest.setid === setid);
      if (!had || has) continue;
      // A Kamailio skips what it cannot resolve; whoever asked for the reload could not know.
      const rows = [...postgres.rows.values()].filter((row) => row.setid === setid);
      if (rows.some((row) => kamailio.unresolvable.has(row.destination))) continue;
      if (countOf(postgres.rows, setid).rows > 0 || !this.#emptied.has(setid)) {
        this.#violate('I1', `the list of ${kamailio.name} lost set ${setid} by ${cause}`);
      }
    }
    for (const dest of before) if (dest.letters.startsWith('A')) this.#checkReachable(dest, cause);
  }

  /** Called for a destination that was active in one list before it was changed. */
  #checkReachable({ destination, setid }: LiveDestination, cause: ListCause): void {
    const lists = this.#world.kamailios.filter((k) => k.isRunning && k.deps.setids.includes(setid));
    const isActive = lists.some((kamailio) =>
      kamailio.list.some((dest) => dest.destination === destination && dest.letters === 'AP'),
    );
    const node = this.#world.truth.nodeOf(destination);
    if (this.#lostRows.isForgotten({ setid, destination })) return;
    if (isActive || node === undefined || !this.#world.truth.isSound(node)) return;
    // A reload sets each to its row's flags; what a Kamailio found is carried over a moment later.
    const row = this.#world.postgres.rows.get(rowKey({ setid, destination }));
    if (cause === 'reload' && row?.flags === FLAGS_INACTIVE_PROBED) return;
    this.#violate(
      'a node that answers SIP and was never said down is in some list',
      `${destination} left the last one by ${cause}`,
    );
  }

  onReload(kamailio: Kamailio): void {
    const sinceMs = this.#nowMs - kamailio.reloadedAtMs;
    if (kamailio.isReloading) this.#violate('I8', `${kamailio.name} reloads twice at once`);
    if (sinceMs < RELOAD_GAP_MS - SLACK_MS) {
      this.#violate('I8', `${kamailio.name} reloads ${Math.round(sinceMs)} ms after the last`);
    }
  }

  onReloadAsked(actor: Actor, sinceMs: number): void {
    if (sinceMs >= RELOAD_GAP_MS - SLACK_MS) return;
    this.#violate('I8', `${actor.name} asks for a reload ${Math.round(sinceMs)} ms after the last`);
  }

  /** What is acknowledged without drift is what the table held in that generation. */
  onApplied(record: AppliedRecord): void {
    if (record.drift !== null || this.hasHandEdits) return;
    const rows = this.#world.postgres.history.get(record.generation);
    for (const [setid, hash] of Object.entries(record.sets)) {
      const own = [...(rows?.values() ?? [])].filter((row) => row.setid === Number(setid));
      if (setHash(own) === hash) continue;
      const what = `${record.nodeId} claims generation ${record.generation}, set ${setid} differs`;
      this.#violate('an acknowledgement is true', what);
    }
  }

  get #nowMs(): number {
    return this.#world.scheduler.nowMs;
  }

  #violate(invariant: string, what: string): void {
    this.#world.violate(invariant, what);
  }
}

function takesAway(change: RowChange): boolean {
  switch (change.kind) {
    case 'insert':
      return false;
    case 'update':
      return isSelectable(change.before.flags) && !isSelectable(change.row.flags);
    case 'delete':
      return true;
  }
}

function countOf(
  rows: Rows,
  setid: number,
): { readonly rows: number; readonly selectable: number } {
  const own = [...rows.values()].filter((row) => row.setid === setid);
  return { rows: own.length, selectable: own.filter((row) => isSelectable(row.flags)).length };
}
