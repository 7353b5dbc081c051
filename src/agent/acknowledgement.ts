import type { Logger } from 'pino';
import type { AppliedRecord } from '../topology/node.js';
import type { AgentMetrics } from './metrics.js';
import type { AppliedPublication } from './ports.js';

/** What was last said in `applied/<nodeId>`; writes only what readers would act on: the time alone is no news. */
export class Acknowledgement {
  readonly #publication: AppliedPublication;
  readonly #metrics: AgentMetrics;
  readonly #log: Logger;
  #current: AppliedRecord | null = null;

  constructor(publication: AppliedPublication, metrics: AgentMetrics, log: Logger) {
    this.#publication = publication;
    this.#metrics = metrics;
    this.#log = log;
  }

  get current(): AppliedRecord | null {
    return this.#current;
  }

  /** null withdraws it. */
  set(record: AppliedRecord | null): void {
    const before = this.#current;
    if (isSameNews(before, record)) return;
    this.#current = record;
    this.#publication.set(record);
    this.#metrics.drift.set(record !== null && record.drift !== null ? 1 : 0);
    if (record === null) return;
    const { generation, drift } = record;
    this.#metrics.appliedGeneration.set(generation);
    if (drift === null) this.#log.info({ generation }, 'list proven');
    else if (drift !== before?.drift) this.#log.warn({ generation, drift }, 'list differs');
  }
}

function isSameNews(a: AppliedRecord | null, b: AppliedRecord | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.generation === b.generation &&
    a.drift === b.drift &&
    JSON.stringify([a.sets, a.unlisted]) === JSON.stringify([b.sets, b.unlisted])
  );
}

/** For screens: "generation 12", "generation 12, but ...", or why there is none. */
export function describeAcknowledged(record: AppliedRecord | null): string {
  if (record === null) return 'nothing proven yet';
  const drift = record.drift === null ? '' : `, but ${record.drift}`;
  return `generation ${record.generation}${drift}`;
}
