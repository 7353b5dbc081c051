import type { MinimarathonOptions } from './options.js';
import type { Faults } from './faults.js';

/** A running contract server. */
export interface Minimarathon {
  /** The first Marathon; the leader until `faults.changeLeader()`. */
  readonly url: string;
  /** The second one, a non-leader at first. */
  readonly standbyUrl: string;
  readonly faults: Faults;
  /** What went wrong inside so far: an answer that does not fit its schema, for one. Tests want it empty. */
  readonly problems: readonly string[];
  /** Kills what it started, closes the driver and the listeners. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * A test double for Marathon's API and its kill behaviour over a driver that really runs the tasks.
 * Throws when it cannot listen.
 */
export async function startMinimarathon(_options: MinimarathonOptions): Promise<Minimarathon> {
  throw new Error('not yet');
}
