import { LabError } from '../../util/errors.js';
import type { Role } from '../../topology/node.js';
import { isAlive, signalDaemon } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import { restartAgent } from '../restart.js';
import type { LabState } from '../state.js';
import { requireLab } from '../state.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  allNodes,
  BACK_TIMEOUT_MS,
  noCallFailed,
  nodesOf,
  seconds,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';

const CALL_MS = { min: 500, max: 1_500 };
const END_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const ROLES: readonly Role[] = ['dispatcher', 'registrar', 'outbound', 'media', 'load-balancer'];

/** Every node of every role in turn: SIGTERM to its agent, which drains it and ends; then it is started anew. */
export const rollingRestart: Drill = { callMs: CALL_MS, leadMs: 1_000, load: 'users', act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, say } = stage;
  const nodes = ROLES.flatMap((role) => nodesOf(lab, role, 2));
  const tookMs: number[] = [];
  for (const node of nodes) {
    tookMs.push(await restartOne(stage, node));
    say(`${node.name}: drained and started anew in ${seconds(tookMs.at(-1) ?? 0)}`);
  }
  const whole = await wholeAgain({ ...stage, lab: requireLab(lab.runDir) });
  const all: Finding = {
    what: 'every node of every role was drained and started anew',
    isGood: tookMs.length === nodes.length,
    seen: `${nodes.length} nodes, the slowest in ${seconds(Math.max(...tookMs))}`,
  };
  return (report) => [noCallFailed(report), all, whole];
}

async function restartOne(stage: DrillStage, node: LabNode): Promise<number> {
  const { platform, env, signal } = stage;
  const lab: LabState = requireLab(stage.lab.runDir); // Whoever was restarted before has another process.
  const agent = lab.processes[node.name];
  const startMs = wallMs();
  if (agent === undefined || !signalDaemon(agent, 'SIGTERM')) {
    throw new LabError(`${node.name}'s agent does not run`);
  }
  try {
    const ended = (): true | null => (isAlive(agent) ? null : true);
    if ((await untilFound(ended, END_TIMEOUT_MS, POLL_MS, signal)) === null) {
      throw new LabError(`${node.name} did not end its drain within ${seconds(END_TIMEOUT_MS)}`);
    }
  } finally {
    if (!isAlive(agent)) await restartAgent(lab, node, env);
  }
  await platform.untilSettled(allNodes(lab), BACK_TIMEOUT_MS, signal);
  return wallMs() - startMs;
}
