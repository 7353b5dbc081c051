import { LabError } from '../../util/errors.js';
import type { LabReconciler } from '../plan.js';
import type { RowVersions } from './rows.js';
import { sameRows } from './rows.js';
import { readFiguresOf, sumOf } from './daemon-figures.js';
import { kamailiosOf } from './list-watch.js';
import type { DrillStage, Finding } from './stage.js';
import { seconds, untilFound } from './stage.js';

/** The bell and the one after it; the resync of the reconciler comes in any case. */
const WANTED_PASSES = 2;
const PASSES_TIMEOUT_MS = 60_000;
const SEEN_TIMEOUT_MS = 10_000;
const POLL_MS = 100;
/** No node has this name: an intent for it wakes the leader and wants nothing. */
const NOBODY = 'drill-bell';
/** Appliers that had to do something would do it by then. */
const APPLY_MS = 1_000;

interface Done {
  readonly rows: RowVersions;
  readonly generation: number;
  readonly reloads: number;
  readonly setStates: number;
}

/**
 * With no further change, another pass of the leader writes nothing and no Kamailio reloads. The leader is
 * woken by an operator's word for a node that does not exist, so the registry takes words again as well.
 */
export async function secondPass(stage: DrillStage): Promise<Finding> {
  const what = 'a second pass writes nothing and reloads nothing';
  const { platform, signal } = stage;
  const before = await whatWasDone(stage);
  const passesBefore = await passesOf(stage);
  const startMs = performance.now();
  try {
    await leaveWord(stage, NOBODY);
  } finally {
    await platform.registry.removeIntent(NOBODY);
  }
  const passes = await untilFound(
    async () => {
      const count = (await passesOf(stage)) - passesBefore;
      return count >= WANTED_PASSES ? count : null;
    },
    PASSES_TIMEOUT_MS,
    POLL_MS,
    signal,
  );
  if (passes === null) return { what, isGood: false, seen: 'the leader made NO pass' };
  await untilFound(() => null, APPLY_MS, APPLY_MS, signal);
  const after = await whatWasDone(stage);
  const isGood =
    sameRows(before.rows, after.rows) &&
    before.generation === after.generation &&
    before.reloads === after.reloads &&
    before.setStates === after.setStates;
  return {
    what,
    isGood,
    seen: `${passes} passes in ${seconds(performance.now() - startMs)}: ${change(before, after)}`,
  };
}

/**
 * An operator's word for a node that does not exist; resolves when it is seen, for what comes and goes at
 * once may be seen by nobody. Throws LabError when it is not seen in time.
 */
export async function leaveWord({ platform, signal }: DrillStage, nodeId: string): Promise<void> {
  const { registry, view } = platform;
  const word = { schema: 1, nodeId, want: 'drain', by: 'drill', why: 'a mark' } as const;
  await registry.writeIntent({ ...word, since: Date.now(), deadline: null, now: false });
  const isSeen = (): true | null => (view.intents().records.has(nodeId) ? true : null);
  if ((await untilFound(isSeen, SEEN_TIMEOUT_MS, POLL_MS, signal)) === null) {
    throw new LabError('what is written to the registry is not seen');
  }
}

function change(before: Done, after: Done): string {
  const rows = sameRows(before.rows, after.rows) ? 'no row changed' : 'ROWS CHANGED';
  return [
    rows,
    `generation ${before.generation} → ${after.generation}`,
    `${after.reloads - before.reloads} reloads`,
    `${after.setStates - before.setStates} states set`,
  ].join(', ');
}

async function whatWasDone(stage: DrillStage): Promise<Done> {
  const { platform } = stage;
  const rows = await platform.rowVersions();
  const generation = platform.view.generation().record?.generation ?? 0;
  return { rows, generation, ...(await appliedSoFar(stage)) };
}

/** What all agents beside Kamailios did to them since their start. One that does not answer counts as none. */
export async function appliedSoFar(
  stage: Pick<DrillStage, 'lab'>,
): Promise<{ readonly reloads: number; readonly setStates: number }> {
  const told = await Promise.all(kamailiosOf(stage).map((node) => readFiguresOf(node.http)));
  const total = (name: string): number =>
    told.reduce((sum, figures) => sum + (figures === null ? 0 : sumOf(figures, name)), 0);
  return {
    reloads: total('carna_agent_reloads_total'),
    setStates: total('carna_agent_set_states_total'),
  };
}

async function passesOf({ lab }: DrillStage): Promise<number> {
  const read = async ({ http }: LabReconciler): Promise<number> =>
    (await readFiguresOf(http))?.get('carna_reconciler_count{what="passes"}') ?? 0;
  const counts = await Promise.all(lab.plan.reconcilers.map(read));
  return counts.reduce((sum, count) => sum + count, 0);
}
