import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import type { LivePlan } from '../topology/live-plan.js';
import { hashLive } from '../topology/live-plan.js';
import type { AppliedRecord, Role } from '../topology/node.js';
import { setHash } from '../topology/set-hash.js';
import { Acknowledgement } from './acknowledgement.js';
import type { AgentMetrics } from './metrics.js';
import type { AgentView, AppliedPublication, Timekeeper } from './ports.js';

/** One reading of both sides, and what is to be done about the difference. */
export interface Round {
  readonly generation: number;
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  readonly plan: LivePlan;
}

const EMPTY_SET = setHash([]);

/** What the leader's record says of a set, if it is at least as new as the table that was read. Pure. */
export function leaderSays(
  view: Pick<AgentView, 'generation'>,
  setid: number,
  generation: number,
): 'empty' | 'filled' | 'nothing' {
  const record = view.generation();
  if (record === null || record.generation < generation) return 'nothing';
  const hash = record.sets[String(setid)];
  return hash === undefined || hash === EMPTY_SET ? 'empty' : 'filled';
}

/** The sets that the leader filled and the table lost behind its back. */
export function robbedSets(
  view: Pick<AgentView, 'generation'>,
  setids: readonly number[],
  { rows, generation }: Pick<Round, 'rows' | 'generation'>,
): number[] {
  const filled = new Set(rows.map((row) => row.setid));
  return setids.filter(
    (setid) => !filled.has(setid) && leaderSays(view, setid, generation) === 'filled',
  );
}

export interface ListProofDeps {
  readonly nodeId: string;
  readonly role: Role;
  /** The sets that this Kamailio consumes. */
  readonly setids: readonly number[];
  readonly publication: AppliedPublication;
  readonly time: Pick<Timekeeper, 'wallMs'>;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** What may be said in `applied/<nodeId>` after a reading, and after one that failed. */
export class ListProof {
  readonly #deps: ListProofDeps;
  readonly #acknowledgement: Acknowledgement;

  constructor(deps: ListProofDeps) {
    this.#deps = deps;
    this.#acknowledgement = new Acknowledgement(deps.publication, deps.metrics, deps.log);
  }

  /** The last acknowledgement; null while none stands. */
  get current(): AppliedRecord | null {
    return this.#acknowledgement.current;
  }

  /** Both sides were read. `isSound`: the table is what the leader says it is, so its generation counts. */
  tell({ generation, rows, live }: Round, drift: string | null, isSound: boolean): void {
    this.#set(isSound ? generation : this.#lastGeneration, drift, this.#hash(rows, live));
  }

  /** Tells readers why nothing newer is proven; keeps what was. `live` is null when it could not be read. */
  confess(
    drift: string,
    live: readonly LiveDestination[] | null,
    rows: readonly DispatcherRow[],
  ): void {
    const sets = live === null ? this.current?.sets : this.#hash(rows, live);
    if (sets !== undefined) this.#set(this.#lastGeneration, drift, sets);
  }

  /** The server is gone, and with it what was said. */
  withdraw(): void {
    this.#acknowledgement.set(null);
  }

  get #lastGeneration(): number {
    return this.current?.generation ?? 0;
  }

  #hash(
    rows: readonly DispatcherRow[],
    live: readonly LiveDestination[],
  ): Readonly<Record<string, string>> {
    return hashLive(this.#deps.setids, rows, live);
  }

  #set(generation: number, drift: string | null, sets: Readonly<Record<string, string>>): void {
    const { nodeId, role, time } = this.#deps;
    const provenAtMs = time.wallMs();
    this.#acknowledgement.set({ schema: 1, nodeId, role, generation, sets, provenAtMs, drift });
  }
}
