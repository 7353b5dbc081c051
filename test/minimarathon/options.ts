import type { MesosHost, TaskDriver } from './driver.js';

/** Real intervals, all in milliseconds; Marathon's own defaults where it has one. */
export interface Timing {
  /** How long a second of a definition lasts (health, readiness, backoff, kill grace, unreachable). */
  readonly secondMs: number;
  /** `kill_retry_timeout`: a kill that was not acknowledged is sent again, for ever. */
  readonly killRetryMs: number;
  /** From the loss of a host to TASK_UNREACHABLE (Mesos: 75 s). */
  readonly unreachableAfterMs: number;
  /** How often a non-zero unreachable strategy is evaluated (Marathon: 10 min). */
  readonly reconcileMs: number;
  /** How often offers come. */
  readonly offerMs: number;
  /** Marathon's `docker_stop_timeout` where the definition says nothing, in seconds of a definition. */
  readonly defaultGraceSeconds: number;
  /** How often an idle event stream sends a blank line. */
  readonly heartbeatMs: number;
  /** How long an answer spoilt as `slow` takes. */
  readonly slowAnswerMs: number;
}

/** Small enough for tests, but for a second of a definition, which lasts a second. */
export const DEFAULT_TIMING: Timing = {
  secondMs: 1_000,
  killRetryMs: 30_000,
  unreachableAfterMs: 200,
  reconcileMs: 500,
  offerMs: 50,
  defaultGraceSeconds: 5,
  heartbeatMs: 10_000,
  slowAnswerMs: 2_000,
};

/** What a contract server is started with. */
export interface MinimarathonOptions {
  /** Launches the tasks; the server closes it with itself. */
  readonly driver: TaskDriver;
  readonly hosts: readonly MesosHost[];
  /** Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the second Marathon listens; unset: on the same address, any port. */
  readonly standby?: { readonly host: string; readonly port: number };
  readonly timing?: Partial<Timing>;
  /** `--enable_features task_killing`: TASK_KILLING shows. Off, as on Marathon. */
  readonly taskKilling?: boolean;
  /** Events leave in another order than they happened. Off. */
  readonly shuffleEvents?: boolean;
  /** A consumer with more unread events is disconnected (Marathon: 1024). */
  readonly maxUnreadEvents?: number;
  /** Called with every fault of the server itself: an answer that does not fit its schema, for one. */
  readonly onFault?: (message: string) => void;
}
