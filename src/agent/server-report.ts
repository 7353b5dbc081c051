import type { LoadClass } from '../topology/node.js';
import type { LoadSample } from './checks/probe.js';
import type { Evidence } from './evidence.js';
import type { HealthWatch } from './health-watch.js';
import type { RunningServer } from './runtime/runtime.js';

/** Why a node that passes its checks is kept down. */
export interface QuarantineReport {
  /** Wall clock in ms. */
  readonly untilMs: number;
  /** How many quarantines in a row this is. */
  readonly times: number;
}

/** What /healthz says of the server and of the evidence behind the node's state. */
export interface ServerReport {
  readonly server: {
    /** "process 812", "container carna-kamailio-3fa2c1"; null while none runs. */
    readonly name: string | null;
    readonly pid: number | null;
    /** An earlier agent started it. */
    readonly isAdopted: boolean;
    /** By this agent. */
    readonly starts: number;
    readonly lastExit: string | null;
  };
  readonly health: {
    readonly isUp: boolean;
    /** Answers in a row that contradicted it. */
    readonly streak: number;
    readonly last: 'ok' | 'fail' | 'unknown' | null;
  };
  /** What is amiss without harming calls. */
  readonly notes: readonly string[];
  readonly checks: readonly Evidence[];
  readonly load: { readonly class: LoadClass } & Partial<LoadSample>;
  readonly quarantine: QuarantineReport | null;
}

interface Facts {
  /** Null while none runs. */
  readonly server: RunningServer | null;
  readonly starts: number;
  readonly lastExit: string | null;
  readonly trouble: string | null;
  readonly watch: Pick<HealthWatch, 'health' | 'last' | 'evidence' | 'sample' | 'loadClass'>;
  readonly quarantine: QuarantineReport | null;
}

/** Puts the report together. Pure. */
export function describeServer(facts: Facts): ServerReport {
  const { server, starts, lastExit, trouble, quarantine } = facts;
  const { health, last, evidence, sample, loadClass } = facts.watch;
  const notes = [trouble, server?.note ?? null, last?.kind === 'ok' ? last.note : null];
  return {
    server: {
      name: server?.name ?? null,
      pid: server?.pid ?? null,
      isAdopted: server?.isAdopted ?? false,
      starts,
      lastExit,
    },
    health: { ...health, last: last?.kind ?? null },
    notes: notes.filter((note) => note !== null),
    checks: evidence,
    load: { class: loadClass, ...sample },
    quarantine,
  };
}
