import type { ReconcilerStatus } from '../../reconciler/status.js';
import { LabError } from '../../util/errors.js';
import { askDaemon } from '../ask-daemon.js';
import type { LabAddress, LabReconciler } from '../plan.js';
import type { DrillStage } from './stage.js';

/** What drills use of a reconciler's `/healthz`. */
export type SeenReconciler = Pick<
  ReconcilerStatus,
  'isLeader' | 'isFresh' | 'epoch' | 'failure' | 'lastPassAtMs' | 'counters'
>;

/** Who leads, by the database. */
export interface Leader {
  readonly part: LabReconciler;
  readonly epoch: number;
}

/** Asks one reconciler of the lab; null when it does not answer. */
export async function readReconciler(http: LabAddress): Promise<SeenReconciler | null> {
  const text = await askDaemon(http, '/healthz');
  return text === null ? null : (JSON.parse(text) as SeenReconciler);
}

/** The reconciler that holds the newest epoch. Throws LabError when there is none. */
export async function leaderOf({ lab, platform }: DrillStage): Promise<Leader> {
  const leader = await platform.leader();
  const part = lab.plan.reconcilers.find(({ name }) => name === leader?.holder);
  if (leader === null || part === undefined) throw new LabError('no reconciler leads');
  return { part, epoch: leader.epoch };
}

/** Asks the reconciler that holds the newest epoch; null when there is none, or it does not answer or lead. */
export async function readLeading({ lab, platform }: DrillStage): Promise<SeenReconciler | null> {
  const leader = await platform.leader();
  const part = lab.plan.reconcilers.find(({ name }) => name === leader?.holder);
  const seen = part === undefined ? null : await readReconciler(part.http);
  return seen?.isLeader === true && seen.epoch === leader?.epoch ? seen : null;
}
