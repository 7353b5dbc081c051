import type { HeldSet } from './guard.js';
import type { HeldRecord } from './node.js';
import { MAX_HELD, MAX_HELD_DESTINATIONS } from './node.js';

/** How many rows a hold stands for, in counts: a set whose rows are lost, so that nobody knows them, counts as one. Pure. */
export function countHeld({ destinations }: Pick<HeldSet, 'destinations'>): number {
  return Math.max(1, destinations.length);
}

/** True for a set that is held since PostgreSQL lost its rows (lost-sets.ts): nobody knows which they were. Pure. */
export function isLostHold({ destinations }: Pick<HeldSet, 'destinations'>): boolean {
  return destinations.length === 0;
}

/** What readers are told of the holds: one entry per set and rule, bounded. Pure. */
export function heldRecords(held: readonly HeldSet[]): readonly HeldRecord[] {
  return held.slice(0, MAX_HELD).map((one) => ({
    setid: one.setid,
    rule: one.rule,
    why: one.why,
    sinceMs: one.sinceMs,
    count: countHeld(one),
    destinations: one.destinations.slice(0, MAX_HELD_DESTINATIONS),
  }));
}

/** True when both tell the same. Pure. */
export function sameHeld(a: readonly HeldRecord[], b: readonly HeldRecord[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
