import type { HeldSet } from './guard.js';
import type { HeldRecord } from './node.js';
import { MAX_HELD, MAX_HELD_DESTINATIONS } from './node.js';

/** What readers are told of the holds: one entry per set and rule, bounded. Pure. */
export function heldRecords(held: readonly HeldSet[]): readonly HeldRecord[] {
  return held.slice(0, MAX_HELD).map(({ setid, rule, why, sinceMs, destinations }) => ({
    setid,
    rule,
    why,
    sinceMs,
    count: destinations.length,
    destinations: destinations.slice(0, MAX_HELD_DESTINATIONS),
  }));
}

/** True when both tell the same. Pure. */
export function sameHeld(a: readonly HeldRecord[], b: readonly HeldRecord[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
