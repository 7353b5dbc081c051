import type { Evidence, Memory } from '../../marathon/rollout/judge-new-version.js';
import { judgeNewVersion } from '../../marathon/rollout/judge-new-version.js';
import type { RolloutLook } from '../../marathon/rollout/rollout-look.js';
import { derivePhases, isRolledOut } from '../../marathon/rollout/rollout-look.js';
import type { Role } from '../../topology/node.js';
import { messageOf } from '../../util/errors.js';
import type { Follower } from '../deploy/follower.js';
import { isAway, whileFollowing } from '../deploy/follower.js';
import { leftMs } from '../deploy/marathon-work.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import { lookAtRollout } from './look-at-rollout.js';

/** A rollout under way. */
export interface RolloutRun {
  readonly appId: string;
  readonly role: Role | null;
  /** Null: none is known any more; only what becomes of the tasks is watched. */
  readonly deploymentId: string | null;
  readonly oldTaskIds: readonly string[];
  /** From a new task's first sight to its node being listed. */
  readonly readyMs: number;
}

/** How watching a rollout ended; after `late` and `left` Marathon goes on. */
export type RolloutEnd =
  | { readonly kind: 'done' | 'late' | 'left' }
  | { readonly kind: 'worse'; readonly evidence: readonly Evidence[]; readonly isOver: boolean }
  /** The deployment is over and old tasks are left: somebody ended it. */
  | { readonly kind: 'ended'; readonly oldLeft: number };

/** What is told of a rollout while it goes on. */
export interface RolloutShow {
  look(look: RolloutLook): void;
  away(why: string): void;
}

const LOOK_EVERY_MS = 1_000;
/** So long the last new node must stay listed before it counts. */
const SETTLE_MS = 5_000;
/** Looks after the deployment's end that must still find old tasks before it counts as ended early. */
const LOOKS_AFTER = 2;

/** Watches until all nodes are new and listed, or the new version turns out worse. Changes nothing. */
export async function followRollout(
  work: MarathonWork,
  run: RolloutRun,
  show: RolloutShow,
): Promise<RolloutEnd> {
  return whileFollowing(work, run.deploymentId, (follower) => watch(work, run, follower, show));
}

async function watch(
  work: MarathonWork,
  run: RolloutRun,
  follower: Follower,
  show: RolloutShow,
): Promise<RolloutEnd> {
  const { context, stop } = work;
  const { clock } = context;
  let memory: Memory = new Map();
  let doneSinceMs: number | null = null;
  let looksAfter = 0;
  for (;;) {
    const deployment = follower.end();
    const isOver = deployment !== null && deployment.kind !== 'late';
    const look = await lookOrNull(work, run, show);
    if (stop.aborted) return { kind: 'left' };
    const now = { monoMs: clock.monoMs(), wallMs: clock.wallMs() };
    if (look !== null) {
      show.look(look);
      const judged = judgeNewVersion(look, run.oldTaskIds, memory, run, now);
      memory = judged.memory;
      if (judged.kind === 'worse') return { kind: 'worse', evidence: judged.evidence, isOver };
      const isDone = isRolledOut(look, run.oldTaskIds);
      doneSinceMs = isDone ? (doneSinceMs ?? now.monoMs) : null;
      if (isOver && doneSinceMs !== null && now.monoMs - doneSinceMs >= SETTLE_MS) {
        return { kind: 'done' };
      }
      const oldLeft = derivePhases(look, run.oldTaskIds).filter(isOldLeft).length;
      looksAfter = isOver && oldLeft > 0 ? looksAfter + 1 : 0;
      if (looksAfter >= LOOKS_AFTER) return { kind: 'ended', oldLeft };
    }
    if (leftMs(work) <= 0) return { kind: 'late' };
    await context.wait(Math.min(LOOK_EVERY_MS, leftMs(work)), stop);
  }
}

const isOldLeft = ({ isNew, phase }: { isNew: boolean; phase: string }): boolean =>
  !isNew && phase !== 'gone';

async function lookOrNull(
  work: MarathonWork,
  { appId, role }: RolloutRun,
  show: RolloutShow,
): Promise<RolloutLook | null> {
  try {
    const look = await lookAtRollout(work, appId, role);
    if (look === undefined) show.away(`Marathon has no ${appId} any more`);
    return look ?? null;
  } catch (err) {
    if (!isAway(err)) throw err;
    if (!work.stop.aborted) show.away(messageOf(err));
    return null;
  }
}
