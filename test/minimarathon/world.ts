import type { Backoff } from './backoff.js';
import type { TaskDriver } from './driver.js';
import type { EventHub } from './event-hub.js';
import type { Host } from './hosts.js';
import type { Instance, Task } from './instance.js';
import type { OfferStatistics, Reason } from './offers.js';
import type { Timing } from './options.js';
import type { Store } from './store.js';
import type { Timers } from './timers.js';
import type { Tracker } from './tracker.js';

/** A task whose instance was given up while its host was lost. */
export interface Orphan {
  readonly instance: Instance;
  readonly task: Task;
}

/** Why a task of an app ended last. */
export interface TaskFailure {
  readonly instance: Instance;
  readonly task: Task;
  readonly message: string;
  readonly atMs: number;
}

/** What the faults switch. */
export interface Switches {
  refusal: Reason | null;
  slowKillsMs: number;
  isHeld: boolean;
}

/** All that the parts of the server share. */
export interface World {
  readonly timing: Timing;
  readonly timers: Timers;
  readonly driver: TaskDriver;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly tracker: Tracker;
  readonly store: Store;
  readonly hub: EventHub;
  readonly backoff: Backoff;
  readonly statistics: Map<string, OfferStatistics>;
  readonly failures: Map<string, TaskFailure>;
  readonly orphans: Set<Orphan>;
  /** Launches that the driver has not answered yet: whoever closes waits for them. */
  readonly launches: Set<Promise<void>>;
  readonly switches: Switches;
  readonly isTaskKillingShown: boolean;
  /** Ends all that waits. */
  readonly closed: AbortSignal;
  /** A fault of the server itself. */
  readonly fault: (message: string) => void;
  /** Brings an app to its number of instances when no deployment holds it. */
  scaleCheck: (runSpecId: string) => void;
}

/** Seconds of a definition as real milliseconds. */
export function toMs(world: World, seconds: number): number {
  return seconds * world.timing.secondMs;
}
