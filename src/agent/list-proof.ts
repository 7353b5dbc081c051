import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isOurs } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import type { LivePlan } from '../topology/live-plan.js';
import { hashLive } from '../topology/live-hash.js';
import type { AppliedRecord, Role } from '../topology/node.js';
import { Acknowledgement } from './acknowledgement.js';
import type { AgentMetrics } from './metrics.js';
import type { AppliedPublication, Timekeeper } from './ports.js';

/** One reading of both sides, and what is to be done about the difference. */
export interface Round {
  readonly generation: number;
  readonly rows: readonly DispatcherRow[];
  readonly live: readonly LiveDestination[];
  readonly plan: LivePlan;
  /** Why `live` could not be read and is only what it should be; null when it was read. */
  readonly unread: string | null;
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
    const { metrics, time } = this.#deps;
    this.#set(isSound ? generation : this.#lastGeneration, drift, this.#hash(rows, live));
    metrics.foreignRows.set(rows.filter((row) => !isOurs(row)).length);
    if (isSound && drift === null) metrics.lastProof.set(time.wallMs() / 1_000);
  }

  /** The list serves calls and is kept up to date, but what it holds cannot be shown. */
  tellUnread({ unread, plan }: Round): void {
    const drift = `proof impossible: ${unread}${plan.drift === null ? '' : `; ${plan.drift}`}`;
    this.#set(this.#lastGeneration, drift, this.current?.sets ?? {});
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
