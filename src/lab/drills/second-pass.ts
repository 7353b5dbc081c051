import { readFigures, sumOf } from '../figures.js';
import { kamailiosOf } from '../plan.js';
import type { LabState } from '../state.js';
import type { RowVersions } from './rows.js';
import { sameRows } from './rows.js';
import type { DrillStage, Finding } from './stage.js';
import { pause, seconds, untilFound, wallMs } from './stage.js';
import { leaveWord, NOBODY } from './word.js';

/** A leader of its own accord looks at everything again within its resync. */
const PASS_TIMEOUT_MS = 60_000;
const QUIET_TIMEOUT_MS = 30_000;
/** A commit, a reload and the gap between two reloads fit in. */
const QUIET_MS = 1_500;
const POLL_MS = 100;

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
  const before = await untilQuiet(stage);
  if (before === null) return { what, isGood: false, seen: 'there was NO quiet before it' };
  const startMs = wallMs();
  const passes = await twoPasses(stage);
  if (passes === null) return { what, isGood: false, seen: 'the leader made NO pass' };
  const passedMs = wallMs() - startMs;
  await pause(QUIET_MS, stage.signal);
  const find = (): Promise<Done | null> => whatWasDone(stage);
  const after = await untilFound(find, QUIET_TIMEOUT_MS, POLL_MS, stage.signal);
  if (after === null) return { what, isGood: false, seen: 'some daemon does NOT answer' };
  const seen = `${passes} passes in ${seconds(passedMs)}: ${change(before, after)}`;
  return { what, isGood: isSame(before, after), seen };
}

/** One for a word and one for its end; gives how many there were, null when there were not so many. */
async function twoPasses(stage: DrillStage): Promise<number | null> {
  const first = await passesOf(stage.lab);
  const until = (count: number): Promise<number | null> => {
    const find = async (): Promise<number | null> => {
      const made = (await passesOf(stage.lab)) - first;
      return made >= count ? made : null;
    };
    return untilFound(find, PASS_TIMEOUT_MS, POLL_MS, stage.signal);
  };
  let made: number | null;
  try {
    await leaveWord(stage, NOBODY);
    made = await until(1);
  } finally {
    await stage.platform.registry.removeIntent(NOBODY);
  }
  return made === null ? null : until(made + 1);
}

/** Until nothing has been done for a while: what the last change entails is no further change. */
async function untilQuiet(stage: DrillStage): Promise<Done | null> {
  let last: Done | null = null;
  const find = async (): Promise<Done | null> => {
    const now = await whatWasDone(stage);
    const isQuiet = last !== null && now !== null && isSame(last, now);
    last = now;
    return isQuiet ? now : null;
  };
  return untilFound(find, QUIET_TIMEOUT_MS, QUIET_MS, stage.signal);
}

function isSame(a: Done, b: Done): boolean {
  return (
    sameRows(a.rows, b.rows) &&
    a.generation === b.generation &&
    a.reloads === b.reloads &&
    a.setStates === b.setStates
  );
}

function change(before: Done, after: Done): string {
  return [
    sameRows(before.rows, after.rows) ? 'no row changed' : 'ROWS CHANGED',
    `generation ${before.generation} → ${after.generation}`,
    `${after.reloads - before.reloads} reloads`,
    `${after.setStates - before.setStates} states set`,
  ].join(', ');
}

async function whatWasDone({ lab, platform }: DrillStage): Promise<Done | null> {
  const rows = await platform.rowVersions();
  const generation = platform.view.generation().record?.generation ?? 0;
  const applied = await appliedSoFar(lab);
  return applied === null ? null : { rows, generation, ...applied };
}

/** What all agents beside Kamailios did to them since their start; null when one does not answer. */
export async function appliedSoFar(
  lab: Pick<LabState, 'plan'>,
): Promise<{ readonly reloads: number; readonly setStates: number } | null> {
  const told = await Promise.all(kamailiosOf(lab.plan).map(({ http }) => readFigures(http)));
  const figures = told.filter((one) => one !== null);
  if (figures.length < told.length) return null;
  const total = (name: string): number => figures.reduce((sum, one) => sum + sumOf(one, name), 0);
  return {
    reloads: total('carna_agent_reloads_total'),
    setStates: total('carna_agent_set_states_total'),
  };
}

async function passesOf({ plan }: Pick<LabState, 'plan'>): Promise<number> {
  const told = await Promise.all(plan.reconcilers.map(({ http }) => readFigures(http)));
  return told.reduce((sum, one) => sum + (one?.get(PASSES) ?? 0), 0);
}

const PASSES = 'carna_reconciler_count{what="passes"}';
