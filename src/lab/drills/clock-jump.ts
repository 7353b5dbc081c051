import { fileURLToPath } from 'node:url';
import { LabError } from '../../util/errors.js';
import type { ProcessIdentity } from '../parts/daemon.js';
import { isAlive, signalDaemon } from '../parts/daemon.js';
import type { LabNode } from '../plan.js';
import { requireLab } from '../state.js';
import { killAll, startAll, tracesOf, untilTakenOver } from './all-daemons.js';
import { readLeading } from './reconciler-health.js';
import { askDrain, takeBack } from './drain-round.js';
import { serversOf, serversUnchanged } from './servers.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  BACK_TIMEOUT_MS,
  noCallFailed,
  nodesOf,
  pause,
  seconds,
  SHORT_CALLS,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';
import { untilFlags } from './wanted-changes.js';
import { NOBODY } from './word.js';

const AHEAD_MS = 3_600_000;
/** With the clock wrong: several probes, several pings of the zkSession. */
const WRONG_MS = 5_000;
const POLL_MS = 50;
const [ACTIVE, DISABLED] = [8, 4];

/**
 * The wall clock of the leading reconciler and of one agent, and of nobody else, jumps an hour ahead and
 * back again: they keep their sessions, change nothing of their own accord, and make what is wanted.
 */
export const clockJump: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, say } = stage;
  const [node, drained] = nodesOf(lab, 'media', 2);
  if (node === undefined || drained === undefined) throw new LabError('the lab has no media nodes');
  const servers = serversOf(lab, lab.plan.nodes);
  const names = [...lab.plan.reconcilers.map(({ name }) => name), node.name];
  let findings: readonly Finding[];
  try {
    await restartAll({ ...stage, env: withShiftedClock(stage.env) }, names, node);
    const leader = await platform.leader();
    const jumping = processesOf(stage, [leader?.holder ?? '', node.name]);
    for (const process of jumping) signalDaemon(process, 'SIGUSR2');
    say(`the clocks of ${leader?.holder} and of ${node.name}'s agent are an hour ahead`);
    const ahead = await clockFinding(stage, AHEAD_MS, 'an hour ahead');
    const meanwhile = await changeFinding(stage, drained, 'an hour ahead');
    for (const process of jumping) signalDaemon(process, 'SIGUSR2');
    say('and right again');
    const right = await clockFinding(stage, 0, 'right again');
    const after = await changeFinding(stage, drained, 'right again');
    const kept = await keptFinding(stage, leader, jumping);
    findings = [ahead, meanwhile, right, after, kept];
  } finally {
    await takeBack(stage, drained);
    await restartAll(stage, names, node);
  }
  const whole = await wholeAgain(stage);
  const same = serversUnchanged('no server was touched', lab, servers);
  return (report) => [noCallFailed(report), ...findings, same, whole];
}

function withShiftedClock(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const file = fileURLToPath(new URL('./shifted-clock.js', import.meta.url));
  const options = `${env['NODE_OPTIONS'] ?? ''} --import=${file}`.trim();
  return { ...env, NODE_OPTIONS: options, DRILL_CLOCK_SHIFT_MS: String(AHEAD_MS) };
}

async function restartAll(
  stage: DrillStage,
  names: readonly string[],
  node: LabNode,
): Promise<void> {
  const traces = tracesOf(stage, [node.name]);
  const epoch = (await stage.platform.leader())?.epoch ?? 0;
  const { processes } = requireLab(stage.lab.runDir);
  const running = names.filter((name) => {
    const process = processes[name];
    return process !== undefined && isAlive(process);
  });
  await killAll(stage, running);
  await startAll(stage, names);
  await stage.platform.untilLeader((found) => found.epoch > epoch, BACK_TIMEOUT_MS, stage.signal);
  await untilTakenOver(stage, traces);
}

function processesOf(stage: DrillStage, names: readonly string[]): readonly ProcessIdentity[] {
  const { processes } = requireLab(stage.lab.runDir);
  return names.map((name) => {
    const found = processes[name];
    if (found === undefined) throw new LabError(`${name === '' ? 'no leader' : name} does not run`);
    return found;
  });
}

/** The leader's own word for the time of its last pass shows that its clock really is as wanted. */
async function clockFinding(stage: DrillStage, shiftMs: number, what: string): Promise<Finding> {
  const { platform, signal } = stage;
  const { registry } = platform;
  await pause(WRONG_MS, signal);
  const find = async (): Promise<number | null> => {
    await registry.removeIntent(NOBODY);
    await askDrain(stage, { name: NOBODY }, null);
    const atMs = (await readLeading(stage))?.lastPassAtMs ?? null;
    const offMs = atMs === null ? Number.NaN : atMs - wallMs();
    return Math.abs(offMs - shiftMs) < CLOSE_MS ? offMs : null;
  };
  const offMs = await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, signal);
  await registry.removeIntent(NOBODY);
  const seen = offMs === null ? 'it is NOT' : `its last pass is dated ${seconds(offMs)} from now`;
  return { what: `the leader's clock is ${what}`, isGood: offMs !== null, seen };
}

const CLOSE_MS = 10_000;

async function changeFinding(stage: DrillStage, node: LabNode, when: string): Promise<Finding> {
  const askedAtMs = await askDrain(stage, node, null);
  const offAtMs = await untilFlags(stage, node, DISABLED, BACK_TIMEOUT_MS);
  const takenBackAtMs = wallMs();
  await takeBack(stage, node);
  const onAtMs = await untilFlags(stage, node, ACTIVE, BACK_TIMEOUT_MS);
  const isMade = offAtMs !== null && onAtMs !== null;
  return {
    what: `clocks ${when}: a drain is made and taken back`,
    isGood: isMade,
    seen: isMade
      ? `after ${seconds(offAtMs - askedAtMs)} and ${seconds(onAtMs - takenBackAtMs)}`
      : 'it is NOT',
  };
}

async function keptFinding(
  { platform }: DrillStage,
  leader: { readonly holder: string; readonly epoch: number } | null,
  processes: readonly ProcessIdentity[],
): Promise<Finding> {
  const now = await platform.leader();
  const living = processes.filter(isAlive).length;
  return {
    what: 'the same one leads, and nobody has ended',
    isGood: now?.epoch === leader?.epoch && living === processes.length,
    seen: `${now?.holder}, epoch ${now?.epoch}; ${living} of ${processes.length} live`,
  };
}
