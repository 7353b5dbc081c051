import { killPart } from '../faults.js';
import { restartDaemon } from '../restart.js';
import { leaderOf } from './reconciler-health.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Judge } from './stage.js';
import { BACK_TIMEOUT_MS, noCallFailed, seconds, SHORT_CALLS, wholeAgain } from './stage.js';

/** kill -9 of the leading reconciler; it is started again afterwards, as the new standby. */
export const leaderKilled: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const before = await platform.rowVersions();
  const leader = await leaderOf(stage);
  const { name } = leader.part;
  killPart(lab, { name, agent: false });
  const startMs = performance.now();
  say(`${name}, leader of epoch ${leader.epoch}, killed`);
  const next = await platform.untilLeader(
    (found) => found.epoch > leader.epoch,
    BACK_TIMEOUT_MS,
    signal,
  );
  const tookMs = performance.now() - startMs;
  await restartDaemon(lab, name, env);
  const whole = await wholeAgain(stage);
  const after = await platform.rowVersions();
  const standby = {
    what: 'the standby leads',
    isGood: next.holder !== name,
    seen: `${next.holder}, epoch ${next.epoch}, ${seconds(tookMs)} after the kill`,
  };
  const rows = rowsUnchanged('the change of leaders changes no row', before, after);
  return (report) => [noCallFailed(report), standby, rows, whole];
}
