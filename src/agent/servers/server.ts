import type { Probe } from '../checks/probe.js';

/** What the agent can ask of one life of its SIP server, whatever its kind. */
export interface ServerControl {
  /** All signals but the process itself. */
  readonly probe: Probe;
  /** Makes the server refuse new calls and proves it; safe to repeat. Throws a CarnaError. */
  refuseNewWork(): Promise<void>;
  /** Takes that back; safe to repeat. Throws a CarnaError. */
  acceptNewWork(): Promise<void>;
  /** This agent, or the one whose server it took over, made it refuse new work. */
  readonly isRefusing: () => boolean;
  /** It was asked to, whatever came of it: only `acceptNewWork` makes sure that it does not. */
  readonly mayRefuse: () => boolean;
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

/** The life that a control is for. */
export interface ServerLife {
  /** Asks for a probe at once. */
  readonly ring: () => void;
  /** It ran already as this agent started: an earlier agent may have made it refuse new work. */
  readonly isAdopted: boolean;
}

/** Gives the control of a server that was just started or taken over. */
export type OpenControl = (life: ServerLife) => ServerControl;

/**
 * Remembers across agents that we made the server refuse new work: a later agent must know whose doing it
 * was. Never throws: what cannot be read counts as false.
 */
export interface RefusalMark {
  read(): boolean;
  write(isRefusing: boolean): void;
}
