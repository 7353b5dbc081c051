import type { LoadClass } from '../topology/node.js';
import type { LoadSample } from './checks/probe.js';
import type { Evidence } from './evidence.js';

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
