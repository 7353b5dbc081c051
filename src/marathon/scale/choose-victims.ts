import type { Member } from './member.js';

/** Who goes and who stays, both in the order in which they would go. */
export interface Choice {
  readonly victims: readonly Member[];
  readonly kept: readonly Member[];
}

/**
 * Chooses whom a smaller number costs least: first those that drain already (what an interrupted run chose
 * is chosen again), the emptiest first; then those that take no calls; then the fewest calls. Nodes of which
 * nobody knows how many calls they carry come last, those without supervision behind all others. What is
 * being killed already is not counted again.
 *
 * Pure; equal inputs give equal choices, whatever their order. Fewer than `count` when there are no more.
 */
export function chooseVictims(members: readonly Member[], count: number): Choice {
  const order = members.filter((member) => member.taskState !== 'TASK_KILLING').sort(byCost);
  return { victims: order.slice(0, count), kept: order.slice(count) };
}

function byCost(a: Member, b: Member): number {
  return rankOf(a) - rankOf(b) || callsOf(a) - callsOf(b) || (a.taskId < b.taskId ? -1 : 1);
}

function rankOf({ drain, record, isUnsupervised }: Member): number {
  if (isUnsupervised) return 6;
  switch (drain) {
    case 'drained':
      return 0;
    case 'draining':
      return 1;
    case 'serving':
      break;
    default:
      return drain satisfies never;
  }
  if (record === null || record.state === 'down') return 2;
  return record.state === 'starting' ? 3 : 4;
}

function callsOf({ calls, record, drain }: Member): number {
  if (calls !== null) return calls;
  return record?.state === 'up' && drain === 'serving' ? Number.MAX_SAFE_INTEGER : 0;
}
