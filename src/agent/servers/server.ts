import type { Probe } from '../checks/probe.js';

/** What the agent can ask of one life of its SIP server, whatever its kind. */
export interface ServerControl {
  /** All signals but the process itself. */
  readonly probe: Probe;
  /** Makes the server refuse new calls and proves it; safe to repeat. Throws a CarnaError. */
  refuseNewWork(): Promise<void>;
  /** Takes that back; safe to repeat. Throws a CarnaError. */
  acceptNewWork(): Promise<void>;
  /** Throws a CarnaError when the server does not say. */
  countLeft(): Promise<WorkLeft>;
  /** The server's own way to end once no call is left (`gracefulMs` 0 = it has none). Throws a CarnaError. */
  shutDown(): Promise<void>;
  readonly gracefulMs: number;
  /** Gives back connections. Never throws. */
  close(): Promise<void>;
}

export interface WorkLeft {
  /** Calls, legs or transactions: 0 means that nothing is left. */
  readonly count: number;
  /** For people: "2 calls, 3 channels". */
  readonly text: string;
}

/** Gives the control of a server that was just started; `ring` asks for a probe at once. */
export type OpenControl = (ring: () => void) => ServerControl;
