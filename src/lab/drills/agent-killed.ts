import { killAll, startAll, tracesOf, untilTakenOver } from './all-daemons.js';
import { rowsUnchanged } from './rows.js';
import { serversOf, serversUnchanged } from './servers.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, oneOf, pause, SHORT_CALLS, wholeAgain } from './stage.js';

/** Shorter than an agent's zkSession: its znode still stands when the next agent comes. */
const AWAY_MS = 2_000;
/** Rows that change late would be missed by looking at once. */
const AFTER_MS = 3_000;

/** kill -9 of agents: their servers serve on, the next agents take them over, and the platform sees nothing. */
export const agentKilled: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const nodes = [oneOf(lab, 'media'), oneOf(lab, 'dispatcher')];
  const names = nodes.map(({ name }) => name);
  const servers = serversOf(lab, nodes);
  const before = await platform.rowVersions();
  const traces = tracesOf(stage, names);
  let orphans: Finding;
  try {
    await killAll(stage, names);
    say(`agents killed: ${names.join(', ')}`);
    await pause(AWAY_MS, signal);
    orphans = serversUnchanged('their servers serve on without them', lab, servers);
  } finally {
    await startAll(stage, names);
  }
  await untilTakenOver(stage, traces);
  say('both agents started again');
  const whole = await wholeAgain(stage);
  await pause(AFTER_MS, signal);
  const adopted = serversUnchanged('the next agents take them over', lab, servers);
  const rows = rowsUnchanged('no row changes', before, await platform.rowVersions());
  return (report) => [noCallFailed(report), orphans, adopted, rows, whole];
}
