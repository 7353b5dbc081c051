import { LabError } from '../../util/errors.js';
import { killPart } from '../faults.js';
import { startReconciler } from '../launch.js';
import { writeLab } from '../state.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, noCallFailed, seconds, SHORT_CALLS, wholeAgain } from './stage.js';

/** kill -9 of the leading reconciler; it is started again afterwards, as the new standby. */
export const leaderKilled: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const before = await platform.rowVersions();
  const leader = await platform.leader();
  if (leader === null) throw new LabError('no reconciler leads');
  killPart(lab, { name: leader.holder, agent: false });
  const startMs = performance.now();
  say(`${leader.holder}, leader of epoch ${leader.epoch}, killed`);
  const next = await platform.untilLeader(
    (found) => found.epoch > leader.epoch,
    BACK_TIMEOUT_MS,
    signal,
  );
  const tookMs = performance.now() - startMs;
  const part = lab.plan.reconcilers.find((found) => found.name === leader.holder);
  if (part !== undefined) {
    const standby = await startReconciler({ ...lab, env }, part);
    writeLab({ ...lab, processes: { ...lab.processes, [part.name]: standby } });
  }
  const whole = await wholeAgain(stage);
  const after = await platform.rowVersions();
  const standby = {
    what: 'the standby leads',
    isGood: next.holder !== leader.holder,
    seen: `${next.holder}, epoch ${next.epoch}, ${seconds(tookMs)} after the kill`,
  };
  const rows = rowsUnchanged('the change of leaders changes no row', before, after);
  return (report) => [noCallFailed(report), standby, rows, whole];
}
