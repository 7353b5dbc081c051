/**
 * Who starts and stops the SIP server. `process.ts` runs it as a child, `docker.ts` as a container bound
 * to the agent's own, `observe.ts` finds one that somebody else runs and never touches it: they differ in
 * how a start, an exit and a stop happen, not in what they mean.
 */
export interface ServerRuntime {
  /** Somebody else owns the server: its absence is no reason to give up, and `start` only looks for it. */
  readonly isObserver: boolean;
  /**
   * Called once before the first `start`. Clears away what dead agents of this node left, and gives the
   * server that still runs for this node so that its calls go on; null when there is none.
   * Throws ServerStartError, or MissingPartError for what no retry can mend.
   */
  adopt(): Promise<RunningServer | null>;
  /**
   * Starts the server once; does not wait until it serves. `instanceId` names this life and is kept with it,
   * so that a later agent that adopts it publishes the same one. `onProgress` hears of long steps ("pulling
   * image x: 34 %"). Throws ServerStartError, or MissingPartError for what no retry can mend.
   */
  start(instanceId: string, onProgress: (text: string) => void): Promise<RunningServer>;
}

/** One life of the SIP server. */
export interface RunningServer {
  /** For people: "process 812", "container carna-kamailio-3fa2c1", "the server at 10.0.3.11:5060". */
  readonly name: string;
  /** Null where the main process cannot be seen. */
  readonly pid: number | null;
  readonly instanceId: string;
  /** True when it ran already as this agent started. */
  readonly isAdopted: boolean;
  /** What is amiss without harming calls ("it runs an older command until its next start"); null = nothing. */
  readonly note: string | null;
  /** Resolves in the tick in which the end of the main process is noticed. Never rejects. */
  readonly exited: Promise<ServerExit>;
  /** Resolves when nothing of it is left (workers, ports, container): only then may it be started again. Rejects with ServerStartError. */
  readonly cleared: Promise<void>;
  /** Ends it step by step, each with its limit; the second call joins the first. Resolves when cleared. An observer only stops looking. */
  stop(steps: StopSteps): Promise<ServerExit>;
}

export interface ServerExit {
  /** For people: "its process was killed (SIGKILL)". */
  readonly cause: string;
  readonly code: number | null;
  readonly signal: string | null;
  /** Wall clock in ms at which the agent noticed. */
  readonly noticedAtMs: number;
}

export interface StopSteps {
  /** The server's own way to end; may reject, the next steps follow anyway. */
  readonly graceful: () => Promise<void>;
  /** How long the own way may take until the process is gone; 0 = go on to SIGTERM at once. */
  readonly gracefulMs: number;
  /** How long after the first SIGTERM before SIGKILL to the group. */
  readonly termMs: number;
}

/** "its process exited with code 1" or "its process was killed (SIGKILL)". */
export function describeExit(code: number | null, signal: string | null): string {
  if (signal !== null) return `its process was killed (${signal})`;
  return `its process exited with code ${code ?? 'unknown'}`;
}
