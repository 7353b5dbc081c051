import { isSelectable } from './dispatcher-row.js';
import type { HeldSet } from './guard.js';
import type { PassInput, PassPlan } from './plan-pass.js';
import { validOverrides } from './plan-pass.js';
import { setHash } from './set-hash.js';
import type { Wiring } from './wiring.js';
import { remoteWiring } from './wiring.js';

/**
 * Sets that a leader told as filled, and of which PostgreSQL lost every row when it went back in time. Nobody said
 * that they are empty, so they are told on with the hash that they had: every Kamailio keeps its list of them until
 * a row comes in that can take calls, or until an operator lets them go. Others are not written before: with the first
 * row the list goes, and nodes that nobody supervises may serve from it. By setid (decimal).
 */
export type LostSets = Readonly<Record<string, string>>;

const EMPTY = setHash([]);
/** Before the hash of a lost set among those that a commit keeps: rows deleted by hand are nobody's loss. */
const MARK = 'lost ';

/** The sets that were told as filled and hold no row now. Those that no Kamailio of ours uses are left out. Pure. */
export function findLost(told: LostSets, found: LostSets, wiring: Wiring): LostSets {
  const wired = new Set([...wiring, ...remoteWiring(wiring)].map(({ setid }) => String(setid)));
  return pick(told, (setid, hash) => hash !== EMPTY && !(setid in found) && wired.has(setid));
}

/** The hashes as a commit keeps them, so that the next leader knows which sets are lost. Pure. */
export function markLost(sets: LostSets, lost: LostSets): LostSets {
  const marked = Object.entries(lost).map(([setid, hash]) => [setid, MARK + hash] as const);
  return { ...sets, ...Object.fromEntries(marked) };
}

/** The lost sets among the hashes that the last commit kept, as far as no row came in since. Pure. */
export function lostIn(kept: LostSets, found: LostSets): LostSets {
  const lost = pick(kept, (setid, hash) => hash.startsWith(MARK) && !(setid in found));
  const hashes = Object.entries(lost).map(([setid, hash]) => [setid, hash.slice(MARK.length)]);
  return Object.fromEntries(hashes) as LostSets;
}

/** Those that a commit of the plan fills with no row that can take calls, and that no operator let go with it. Pure. */
export function stillLost(lost: LostSets, plan: Pick<PassPlan, 'changes' | 'letGo'>): LostSets {
  const filled = plan.changes.filter(({ row }) => isSelectable(row.flags));
  const over = new Set([...plan.letGo, ...filled.map(({ row }) => row.setid)]);
  return pick(lost, (setid) => !over.has(Number(setid)));
}

/** The plan with the lost sets: each is held until it is filled, or let go by an operator's word. Pure. */
export function holdLost(
  plan: PassPlan,
  { lost = {}, heldSince, overrides, nowMs }: PassInput,
): PassPlan {
  const setids = Object.keys(stillLost(lost, plan)).map(Number);
  if (setids.length === 0) return plan;
  const overridden = validOverrides(overrides, nowMs);
  const letGo = setids.filter((setid) => overridden.has(setid));
  const kept = setids.filter((setid) => !overridden.has(setid));
  const holds = kept.map((setid): HeldSet => {
    const why = `PostgreSQL lost all rows of set ${setid} when it went back in time, and no owner or operator said that it is empty`;
    const sinceMs = heldSince.get(setid) ?? nowMs;
    return { setid, rule: 'never-empty', why, sinceMs, destinations: [] };
  });
  return {
    ...plan,
    held: [...plan.held, ...holds].sort((a, b) => a.setid - b.setid),
    released: [...plan.released, ...letGo.flatMap((setid) => overrides.get(setid) ?? [])],
    letGo,
  };
}

function pick(sets: LostSets, isWanted: (setid: string, hash: string) => boolean): LostSets {
  return Object.fromEntries(Object.entries(sets).filter(([setid, hash]) => isWanted(setid, hash)));
}
