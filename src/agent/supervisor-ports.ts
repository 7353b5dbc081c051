import type { Logger } from 'pino';
import type { Applier } from './applier.js';
import type { BusKeeper } from './bus-keeper.js';
import type { AgentMetrics } from './metrics.js';
import type { NodeStatus } from './node-status.js';
import type { Timekeeper } from './ports.js';
import type { ServerRuntime } from './runtime/runtime.js';
import type { OpenControl } from './servers/server.js';
import type { AgentTiming } from './timing.js';

/** What a supervisor works with. */
export interface SupervisorDeps {
  readonly runtime: ServerRuntime;
  readonly openControl: OpenControl;
  readonly status: NodeStatus;
  /** null for a server that consumes no destination set. */
  readonly applier: Applier | null;
  /** null for a server that is on no bus. */
  readonly bus: BusKeeper | null;
  /** The node's own setting; 0 = unknown. */
  readonly maxSessions: number;
  readonly time: Timekeeper;
  readonly timing: AgentTiming;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** How the server is to be stopped: with calls left its own way would wait for them. */
export type StopManner = 'in its own way' | 'at once';
