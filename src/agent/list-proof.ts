import type { Logger } from 'pino';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isOurs } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import type { LivePlan } from '../topology/live-plan.js';
import { hashLive } from '../topology/live-hash.js';
import type { AppliedRecord, Role } from '../topology/node.js';
import { findUnlisted } from '../topology/unlisted.js';
import { cutLine } from '../util/cut-text.js';
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

/** What a live list holds, beside the rows that it should hold; see AppliedRecord. */
interface Found {
  readonly sets: AppliedRecord['sets'];
  readonly unlisted: readonly string[];
}

/** As long as an acknowledgement may tell it. */
const MAX_DRIFT_LENGTH = 4_096;

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
    this.#set(isSound ? generation : this.#lastGeneration, drift, this.#found(rows, live));
    metrics.foreignRows.set(rows.filter((row) => !isOurs(row)).length);
    if (isSound && drift === null) metrics.lastProof.set(time.wallMs() / 1_000);
  }

  /** The list serves calls and is kept up to date, but what it holds cannot be shown. */
  tellUnread({ unread, plan }: Round): void {
    const drift = `proof impossible: ${unread}${plan.drift === null ? '' : `; ${plan.drift}`}`;
    this.#set(this.#lastGeneration, drift, this.#lastFound ?? { sets: {}, unlisted: [] });
  }

  /** Tells readers why nothing newer is proven; keeps what was. `live` is null when it could not be read. */
  confess(
    drift: string,
    live: readonly LiveDestination[] | null,
    rows: readonly DispatcherRow[],
  ): void {
    const found = live === null ? this.#lastFound : this.#found(rows, live);
    if (found !== null) this.#set(this.#lastGeneration, drift, found);
  }

  /** The server is gone, and with it what was said. */
  withdraw(): void {
    this.#acknowledgement.set(null);
  }

  get #lastGeneration(): number {
    return this.current?.generation ?? 0;
  }

  get #lastFound(): Found | null {
    if (this.current === null) return null;
    const { sets, unlisted = [] } = this.current;
    return { sets, unlisted };
  }

  #found(rows: readonly DispatcherRow[], live: readonly LiveDestination[]): Found {
    const { setids } = this.#deps;
    return {
      sets: hashLive(setids, rows, live),
      unlisted: findUnlisted(setids, rows, live),
    };
  }

  #set(generation: number, differences: string | null, { sets, unlisted }: Found): void {
    const { nodeId, role, time } = this.#deps;
    const provenAtMs = time.wallMs();
    const drift = differences === null ? null : cutLine(differences, MAX_DRIFT_LENGTH);
    const record = { schema: 1, nodeId, role, generation, sets, provenAtMs, drift } as const;
    this.#acknowledgement.set(drift === null ? record : { ...record, unlisted });
  }
}
