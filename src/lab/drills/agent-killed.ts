import { LabError } from '../../util/errors.js';
import { killPart } from '../faults.js';
import type { ProcessIdentity } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import { serverOf } from '../server-pid.js';
import type { LabState } from '../state.js';
import { restartAgent } from '../restart.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, oneOf, pause, SHORT_CALLS, wholeAgain } from './stage.js';

/** Shorter than an agent's zkSession: its znode still stands when the next agent comes. */
const AWAY_MS = 2_000;
/** Rows that change late would be missed by looking at once. */
const AFTER_MS = 3_000;

/** kill -9 of agents: their servers serve on, the next agents take them over, and the platform sees nothing. */
export const agentKilled: Drill = { ...SHORT_CALLS, act };

interface Victim {
  readonly node: LabNode;
  readonly server: ProcessIdentity;
}

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const victims = [oneOf(lab, 'media'), oneOf(lab, 'dispatcher')].map((node) =>
    victimOf(lab, node),
  );
  const before = await platform.rowVersions();
  let orphans: readonly Finding[];
  let state = lab;
  try {
    for (const { node } of victims) {
      killPart(lab, { name: node.name, agent: true });
      say(`${node.name}'s agent killed`);
    }
    await pause(AWAY_MS, signal);
    orphans = victims.map((victim) =>
      serverFinding(lab, victim, `${victim.node.name}'s server serves on without its agent`),
    );
  } finally {
    for (const { node } of victims) state = await restartAgent(state, node, env);
  }
  say('both agents started again');
  const whole = await wholeAgain(stage);
  await pause(AFTER_MS, signal);
  const adopted = victims.map((victim) =>
    serverFinding(lab, victim, `${victim.node.name}'s server is taken over by the next agent`),
  );
  const rows = rowsUnchanged('no row changes', before, await platform.rowVersions());
  return (report) => [noCallFailed(report), ...orphans, ...adopted, rows, whole];
}

function victimOf(lab: LabState, node: LabNode): Victim {
  const server = serverOf(lab.runDir, node);
  if (server === null) throw new LabError(`${node.name}'s server is not running right now`);
  return { node, server };
}

function serverFinding(lab: LabState, { node, server }: Victim, what: string): Finding {
  const now = serverOf(lab.runDir, node);
  const isSame = now?.pid === server.pid && now.startTicks === server.startTicks;
  return {
    what,
    isGood: isSame,
    seen: isSame
      ? `pid ${server.pid}, unchanged`
      : `pid ${server.pid} is now ${now?.pid ?? 'gone'}`,
  };
}
