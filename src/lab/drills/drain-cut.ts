import { LabError } from '../../util/errors.js';
import type { CallReport } from '../calls/report.js';
import { killPart } from '../faults.js';
import { drainEnd, markLog, parseLog, readSince } from './agent-log.js';
import { isAlive, signalDaemon } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import { serverOf } from '../server-pid.js';
import type { LabState } from '../state.js';
import { restartAgent } from '../restart.js';
import { callsOnAt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { addressOf, oneOf, seconds, untilFound, wallMs, wholeAgain } from './stage.js';

const CALL_MS = 30_000;
const LEAD_MS = 3_000;
const DEADLINE_MS = 6_000;
/** How late, or early, a drain may end. */
const TOLERANCE_MS = 1_000;
const UP_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 60_000;
const POLL_MS = 5;

/**
 * SIGTERM to an agent whose calls all outlive its deadline: it ends the drain then, says how many calls it
 * cuts, stops the server and ends. The agent with the short deadline takes over the server of the one before.
 */
export const drainCut: Drill = { callMs: CALL_MS, leadMs: LEAD_MS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, env, say } = stage;
  const node = oneOf(lab, 'media');
  let now = await withShortDeadline(stage, node);
  let end: End;
  try {
    end = await terminate(stage, now, node);
  } finally {
    now = await restartAgent(now, node, env);
  }
  say(`${node.name}: ${end.reason}`);
  const whole = await wholeAgain({ ...stage, lab: now });
  return (report) => [...judge(report, node, end), whole];
}

interface End {
  readonly termAtMs: number;
  /** When it said goodbye; null when it did not in time. */
  readonly atMs: number | null;
  readonly reason: string;
  readonly isStopped: boolean;
}

async function withShortDeadline(stage: DrillStage, node: LabNode): Promise<LabState> {
  const { lab, env, platform, signal, say } = stage;
  const before = serverOf(lab.runDir, node)?.pid;
  const { process } = killPart(lab, { name: node.name, agent: true });
  await untilFound(() => (isAlive(process) ? null : true), UP_TIMEOUT_MS, POLL_MS, signal);
  const extra = { CARNA_DRAIN_DEADLINE_MS: String(DEADLINE_MS) };
  const oldTrace = platform.view.nodes().nodes.get(node.name)?.record.trace.id;
  const now = await restartAgent(lab, node, env, extra);
  const isUp = (): true | null => {
    const record = platform.view.nodes().nodes.get(node.name)?.record;
    return record?.state === 'up' && record.trace.id !== oldTrace ? true : null;
  };
  const isBack = await untilFound(isUp, UP_TIMEOUT_MS, POLL_MS, signal);
  if (isBack === null || serverOf(lab.runDir, node)?.pid !== before) {
    throw new LabError(`${node.name}'s server was not taken over by another agent`);
  }
  say(
    `${node.name}: another agent with a deadline of ${seconds(DEADLINE_MS)} took its server over`,
  );
  return now;
}

async function terminate(stage: DrillStage, lab: LabState, node: LabNode): Promise<End> {
  const { platform, signal, say } = stage;
  const agent = lab.processes[node.name];
  const mark = markLog(lab, node);
  const termAtMs = wallMs();
  if (agent === undefined || !signalDaemon(agent, 'SIGTERM')) {
    throw new LabError(`${node.name}'s agent does not run`);
  }
  say(`${node.name}: SIGTERM to its agent`);
  const goodbye = (): number | null => {
    const record = platform.view.nodes().nodes.get(node.name)?.record;
    if (record?.state === 'draining') return null;
    return record === undefined || record.state === 'down' ? wallMs() : null;
  };
  const atMs = await untilFound(goodbye, END_TIMEOUT_MS, POLL_MS, signal);
  const ended = (): true | null => (isAlive(agent) ? null : true);
  const reason = drainEnd(parseLog(readSince(mark))) ?? 'it said nothing';
  const isEnded = await untilFound(ended, END_TIMEOUT_MS, POLL_MS, signal);
  return {
    termAtMs,
    atMs,
    reason,
    isStopped: isEnded === true && serverOf(lab.runDir, node) === null,
  };
}

function judge(report: CallReport, node: LabNode, end: End): Finding[] {
  const address = addressOf(node);
  const { termAtMs, atMs, reason } = end;
  const offMs = atMs === null ? Number.POSITIVE_INFINITY : atMs - termAtMs - DEADLINE_MS;
  const onIt = callsOnAt(report.calls, address, atMs ?? termAtMs);
  const failed = report.failed.length;
  const others = report.failed.filter((call) => call.node !== address);
  const whys = [...new Set(others.map(({ why, node: at }) => `${why}, on ${at ?? 'no node'}`))];
  return [
    {
      what: `the drain ends at its deadline, give or take ${seconds(TOLERANCE_MS)}`,
      isGood: Math.abs(offMs) <= TOLERANCE_MS,
      seen: atMs === null ? 'it did not end' : `${seconds(offMs)} after the deadline`,
    },
    {
      what: 'it says how many calls it cuts',
      isGood: onIt > 0 && reason.includes(` ${onIt} `) && reason.endsWith(' cut'),
      seen: `"${reason}"; ${onIt} by the caller`,
    },
    {
      what: 'agent and server have ended',
      isGood: end.isStopped,
      seen: end.isStopped ? 'both are gone' : 'one STILL RUNS',
    },
    {
      what: 'no other call is lost',
      isGood: others.length === 0 && failed === onIt,
      seen: `${report.sent} calls, ${failed} failed, ${others.length} of them elsewhere${whys.length === 0 ? '' : `: ${whys.join('; ')}`}`,
    },
  ];
}
