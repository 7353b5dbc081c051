import { LabError } from '../../util/errors.js';
import { isAlive, signalDaemon } from '../parts/daemon.js';
import { serverOf } from '../server-pid.js';
import { readHealth } from './agent-health.js';
import { drainEnd, markLog, parseLog, readSince } from './agent-log.js';
import { restartAgent } from '../restart.js';
import { callsOnAt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  addressOf,
  noCallFailed,
  oneOf,
  pause,
  seconds,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';

const CALL_MS = { min: 3_000, max: 8_000 };
const SIGTERMS = 5;
const BETWEEN_MS = 400;
const END_TIMEOUT_MS = CALL_MS.max + 25_000;
const POLL_MS = 200;

/** Marathon sends SIGTERM again and again: only the first counts, and none shortens the drain. */
export const sigtermFive: Drill = { callMs: CALL_MS, leadMs: CALL_MS.max, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, env, signal, say } = stage;
  const node = oneOf(lab, 'media');
  const agent = lab.processes[node.name];
  if (agent === undefined) throw new LabError(`the lab does not know ${node.name}'s agent`);
  const mark = markLog(lab, node);
  const termAtMs = wallMs();
  let endedAtMs: number | null;
  let serverLeft: boolean;
  try {
    for (let n = 1; n <= SIGTERMS; n++) {
      if (!signalDaemon(agent, 'SIGTERM')) throw new LabError(`${node.name}'s agent does not run`);
      const left = (await readHealth(node.http))?.calls;
      say(`SIGTERM ${n} to ${node.name}'s agent, ${left ?? 'unknown'} calls on its server`);
      await pause(BETWEEN_MS, signal);
    }
    endedAtMs = await untilFound(
      () => (isAlive(agent) ? null : wallMs()),
      END_TIMEOUT_MS,
      POLL_MS,
      signal,
    );
    serverLeft = serverOf(lab.runDir, node) !== null;
    say(endedAtMs === null ? 'it did NOT end' : `it ended after ${seconds(endedAtMs - termAtMs)}`);
  } finally {
    await startAgain(stage, agent, () => restartAgent(lab, node, env));
  }
  const whole = await wholeAgain(stage);
  const log = readSince(mark);
  return (report) => [
    noCallFailed(report),
    {
      what: 'its agent waits for the calls and ends by itself',
      isGood: endedAtMs !== null && !serverLeft,
      seen: `${callsOnAt(report.calls, addressOf(node), termAtMs)} calls on it at the first SIGTERM; ${
        endedAtMs === null ? 'still running' : `ended after ${seconds(endedAtMs - termAtMs)}`
      }, its server ${serverLeft ? 'STILL RUNS' : 'stopped'}`,
    },
    judgeLog(log),
    whole,
  ];
}

/** Only a dead agent is started again; one that still drains ends some time and is then missing, which is told. */
async function startAgain(
  stage: DrillStage,
  agent: Parameters<typeof isAlive>[0],
  start: () => Promise<unknown>,
): Promise<void> {
  if (!isAlive(agent)) {
    await start();
    return;
  }
  // Interrupted in the middle: SIGTERM is final, so the end must be awaited before another can start.
  const endMs = performance.now() + END_TIMEOUT_MS;
  stage.say('waiting for the end of its drain, to start it again');
  while (isAlive(agent) && performance.now() < endMs) await pauseAnyhow();
  await start();
}

async function pauseAnyhow(): Promise<void> {
  await pause(POLL_MS, new AbortController().signal);
}

/** What an agent's log says of its last minutes. Pure. */
export function judgeLog(log: string): Finding {
  const lines = parseLog(log);
  const asked = lines.filter((line) => line.msg === 'asked to end');
  const steps = lines.flatMap((line) => (line.msg === 'drain step' ? [line.step?.kind] : []));
  const drains = steps.filter((kind) => kind === 'announced').length;
  const how = drainEnd(lines) ?? 'not at all';
  // A failure on the way out is printed as plain text.
  const faults = log.split('\n').filter((text) => text.startsWith('error:'));
  return {
    what: `${SIGTERMS} SIGTERMs are one drain`,
    isGood: asked.length === SIGTERMS && drains === 1 && how === 'drained' && faults.length === 0,
    seen: `its log: ${asked.length} SIGTERMs, ${drains} drain, ended: ${how}${faults.map((f) => `, ${f}`).join('')}`,
  };
}
