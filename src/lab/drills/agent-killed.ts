import { killPart } from '../faults.js';
import { restartAgent } from '../restart.js';
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
  const { lab, platform, env, signal, say } = stage;
  const nodes = [oneOf(lab, 'media'), oneOf(lab, 'dispatcher')];
  const servers = serversOf(lab, nodes);
  const before = await platform.rowVersions();
  let orphans: Finding;
  let state = lab;
  try {
    for (const { name } of nodes) {
      killPart(lab, { name, agent: true });
      say(`${name}'s agent killed`);
    }
    await pause(AWAY_MS, signal);
    orphans = serversUnchanged('their servers serve on without them', lab, servers);
  } finally {
    for (const node of nodes) state = await restartAgent(state, node, env);
  }
  say('both agents started again');
  const whole = await wholeAgain(stage);
  await pause(AFTER_MS, signal);
  const adopted = serversUnchanged('the next agents take them over', lab, servers);
  const rows = rowsUnchanged('no row changes', before, await platform.rowVersions());
  return (report) => [noCallFailed(report), orphans, adopted, rows, whole];
}
