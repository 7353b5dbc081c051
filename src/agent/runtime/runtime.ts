/**
 * Who starts and stops the SIP server. `process.ts` runs it as a child; a driver for Docker and one that
 * only observes have room here: they differ in how a start, an exit and a stop happen, not in what they mean.
 */
export interface ServerRuntime {
  /**
   * Ends what an earlier agent of this node left running. True when there was something.
   * Throws ServerStartError when it cannot be ended.
   */
  endOrphan(): Promise<boolean>;
  /** Starts the server once; does not wait until it serves. Throws ServerStartError. */
  start(): Promise<RunningServer>;
}

/** One life of the SIP server. */
export interface RunningServer {
  readonly pid: number;
  /** Resolves in the tick in which the end of the main process is noticed. Never rejects. */
  readonly exited: Promise<ServerExit>;
  /** Resolves when nothing of it is left (workers, ports): only then may it be started again. Rejects with ServerStartError. */
  readonly cleared: Promise<void>;
  /** Ends it step by step, each with its limit; the second call joins the first. Resolves when cleared. */
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
