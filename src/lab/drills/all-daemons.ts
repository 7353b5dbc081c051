import { LabError, messageOf } from '../../util/errors.js';
import { killPart } from '../faults.js';
import { isAlive } from '../parts/daemon.js';
import { restartDaemon } from '../restart.js';
import { requireLab } from '../state.js';
import type { LabState } from '../state.js';
import type { DrillStage } from './stage.js';
import { untilFound } from './stage.js';

const TAKEN_OVER_TIMEOUT_MS = 30_000;
const KILLED_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** kill -9 of all these daemons (reconcilers, and agents by the names of their nodes) in one go; resolves when none is left. */
export async function killAll(
  { lab, signal }: DrillStage,
  names: readonly string[],
): Promise<void> {
  const state = requireLab(lab.runDir);
  const killed = names.map((name) => killPart(state, { name, agent: true }).process);
  const find = (): true | null => (killed.some(isAlive) ? null : true);
  await untilFound(find, KILLED_TIMEOUT_MS, POLL_MS, signal);
}

/** Starts all of them that do not run; every one is tried before the first error is thrown. */
export async function startAll({ lab, env }: DrillStage, names: readonly string[]): Promise<void> {
  const failed: string[] = [];
  let state: LabState = requireLab(lab.runDir);
  for (const name of names) {
    try {
      state = await restartDaemon(state, name, env);
    } catch (err) {
      failed.push(`${name}: ${messageOf(err)}`);
    }
  }
  if (failed.length > 0) throw new LabError(`could not be started again: ${failed.join('; ')}`);
}

/** An agent that starts publishes a change of its own: by it the next is told from the killed one. */
export function tracesOf(
  { platform }: DrillStage,
  names: readonly string[],
): ReadonlyMap<string, string> {
  const nodes = platform.view.nodes().nodes;
  return new Map(names.map((name) => [name, nodes.get(name)?.record.trace.id ?? 'none']));
}

/** Until every node of `before` is up by the word of another agent than the one before. Throws LabError when one is not. */
export async function untilTakenOver(
  stage: DrillStage,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  const missing = (): string[] =>
    [...before].flatMap(([name, trace]) => {
      const record = stage.platform.view.nodes().nodes.get(name)?.record;
      return record?.state === 'up' && record.trace.id !== trace ? [] : [name];
    });
  const find = (): true | null => (missing().length === 0 ? true : null);
  if ((await untilFound(find, TAKEN_OVER_TIMEOUT_MS, POLL_MS, stage.signal)) !== null) return;
  throw new LabError(`no new agent says that these are up: ${missing().join(', ')}`);
}
