import { meetsConstraint } from './constraints.js';
import type { AppDefinition } from './definition.js';
import type { Host } from './hosts.js';
import type { Instance } from './instance.js';
import type { RunSpec } from './run-spec.js';

/** Why an offer did not fit, in the order in which Marathon counts: only the first reason of an offer is told. */
export const REASON_FUNNEL = [
  'UnfulfilledRole',
  'UnfulfilledConstraint',
  'NoCorrespondingReservationFound',
  'AgentMaintenance',
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
  'InsufficientPorts',
  'DeclinedScarceResources',
] as const;

export type Reason = (typeof REASON_FUNNEL)[number];

/** What became of one offer for one run spec. */
export type Match =
  | { readonly kind: 'match'; readonly ports: readonly (number | null)[] }
  | { readonly kind: 'rejected'; readonly reason: Reason };

/** Whether the host's offer fits the spec; `placed`: its instances that count for constraints. Pure. */
export function matchOffer(host: Host, spec: RunSpec, placed: readonly Instance[]): Match {
  const rejected = (reason: Reason): Match => ({ kind: 'rejected', reason });
  const { app } = spec;
  const isMet = app.constraints.every((constraint) =>
    meetsConstraint(placed, host.offer, constraint, app.instances),
  );
  if (!isMet) return rejected('UnfulfilledConstraint');
  const cpus = spec.containers.reduce((sum, container) => sum + container.cpus, 0);
  const mem = spec.containers.reduce((sum, container) => sum + container.mem, 0);
  if (cpus > host.freeCpus + 1e-9) return rejected('InsufficientCpus');
  if (mem > host.freeMem) return rejected('InsufficientMemory');
  const ports = takePorts(host, wantedPorts(app), app.requirePorts);
  return ports === undefined ? rejected('InsufficientPorts') : { kind: 'match', ports };
}

/** The instances that an app's constraints look at: unreachable ones are not among them. Pure. */
export function placedOf(instances: readonly Instance[]): readonly Instance[] {
  return instances.filter(
    ({ condition }) => condition !== 'Scheduled' && condition !== 'Unreachable',
  );
}

/** Host ports in the order of the definition: 0 any, null none. */
function wantedPorts(app: AppDefinition): readonly (number | null)[] {
  const mappings = app.container?.portMappings ?? [];
  if (mappings.length > 0) return mappings.map((mapping) => mapping.hostPort ?? null);
  const ports = (app.portDefinitions ?? []).map((definition) => definition.port);
  return app.requirePorts ? ports : ports.map(() => 0);
}

function takePorts(
  host: Host,
  wanted: readonly (number | null)[],
  isRequired: boolean,
): readonly (number | null)[] | undefined {
  const fixed = wanted.filter((port): port is number => port !== null && port !== 0);
  if (!fixed.every((port) => host.isFree(port))) return undefined;
  const free = host.freePorts(fixed);
  const taken: (number | null)[] = [];
  for (const port of wanted) {
    if (port === 0 && !isRequired) {
      const next = free.next();
      if (next.done === true) return undefined;
      taken.push(next.value);
    } else taken.push(port);
  }
  return taken;
}

/** What GET /v2/queue tells of a run spec that waits. */
export class OfferStatistics {
  processed = 0;
  unused = 0;
  lastUnusedAtMs: number | null = null;
  lastUsedAtMs: number | null = null;
  /** By host. */
  readonly lastRejects = new Map<string, Reason>();
  readonly #attempt = new Map<Reason, number>();

  count(hostname: string, match: Match): void {
    this.processed += 1;
    if (match.kind === 'match') {
      this.lastUsedAtMs = Date.now();
      this.lastRejects.delete(hostname);
      this.#attempt.clear();
      return;
    }
    this.unused += 1;
    this.lastUnusedAtMs = Date.now();
    this.lastRejects.set(hostname, match.reason);
    this.#attempt.set(match.reason, (this.#attempt.get(match.reason) ?? 0) + 1);
  }

  /** The `processedOffersSummary`: each reason's `processed` is what the reasons before it left over. */
  summary(): Readonly<Record<string, unknown>> {
    const last = new Map<Reason, number>();
    for (const reason of this.lastRejects.values()) last.set(reason, (last.get(reason) ?? 0) + 1);
    return {
      processedOffersCount: this.processed,
      unusedOffersCount: this.unused,
      ...at('lastUnusedOfferAt', this.lastUnusedAtMs),
      ...at('lastUsedOfferAt', this.lastUsedAtMs),
      rejectSummaryLastOffers: funnel(this.lastRejects.size, last),
      rejectSummaryLaunchAttempt: funnel(
        [...this.#attempt.values()].reduce((sum, count) => sum + count, 0),
        this.#attempt,
      ),
    };
  }
}

const at = (name: string, ms: number | null): Readonly<Record<string, string>> =>
  ms === null ? {} : { [name]: new Date(ms).toISOString() };

function funnel(total: number, counts: ReadonlyMap<Reason, number>): readonly unknown[] {
  let processed = total;
  return REASON_FUNNEL.map((reason) => {
    const declined = counts.get(reason) ?? 0;
    const step = { reason, declined, processed };
    processed -= declined;
    return step;
  });
}
