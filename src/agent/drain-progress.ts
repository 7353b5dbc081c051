import type { WorkLeft } from './servers/server.js';

/** announced: consumers are to take note; emptying: new work is refused; empty: nothing is waited for any more. */
export type DrainStep =
  | { readonly kind: 'idle' }
  | { readonly kind: 'announced'; readonly untilMs: number }
  | { readonly kind: 'emptying'; readonly zeros: number }
  | { readonly kind: 'empty'; readonly how: string; readonly cut: number | null };

/** What is told of a drain under way. */
export interface DrainProgress {
  readonly step: DrainStep['kind'];
  readonly actor: string;
  readonly why: string;
  /** Null while the server does not say. */
  readonly left: WorkLeft | null;
  /** Calls that ended per second since the drain began to count; null before. */
  readonly endedPerSecond: number | null;
  /** Wall clock in ms. */
  readonly deadlineAtMs: number;
  /** Calls that nobody waits for any more (deadline, --now); 0 when all ended by themselves; null before, or unknown. */
  readonly cut: number | null;
}

/** How a drain for SIGTERM ended. */
export interface DrainEnd {
  readonly how: string;
  /** False when calls are left: the server's own way to end would wait for them. */
  readonly isEmpty: boolean;
}
