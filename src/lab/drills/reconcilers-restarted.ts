import { AGENT_ZK_SESSION_MS } from '../daemon-env.js';
import { killAll, startAll, tracesOf, untilTakenOver } from './all-daemons.js';
import type { RowVersions } from './rows.js';
import { rowsUnchanged } from './rows.js';
import type { Servers } from './servers.js';
import { serversOf, serversUnchanged } from './servers.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  allNodes,
  BACK_TIMEOUT_MS,
  noCallFailed,
  pause,
  seconds,
  SHORT_CALLS,
  wallMs,
  wholeAgain,
} from './stage.js';

/** The sessions of the killed end meanwhile: what their end does to rows would show. */
const AFTER_MS = AGENT_ZK_SESSION_MS + 2_000;

/** What has to be as it was after each act. */
interface Before {
  readonly rows: RowVersions;
  readonly servers: Servers;
}

/** Reconcilers, then every daemon after the other, then all of them at once are killed and started again: nobody sees it. */
export const reconcilersRestarted: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform } = stage;
  const reconcilers = lab.plan.reconcilers.map(({ name }) => name);
  const agents = allNodes(lab);
  const before = { rows: await platform.rowVersions(), servers: serversOf(lab, lab.plan.nodes) };
  const findings = [
    ...(await together(stage, before, 'all reconcilers at once', reconcilers, [])),
    ...(await inTurn(stage, before, reconcilers, agents)),
    ...(await together(stage, before, 'all daemons at once', reconcilers, agents)),
  ];
  return (report) => [noCallFailed(report), ...findings];
}

async function together(
  stage: DrillStage,
  before: Before,
  what: string,
  reconcilers: readonly string[],
  agents: readonly string[],
): Promise<readonly Finding[]> {
  const { platform, signal, say } = stage;
  const epoch = (await platform.leader())?.epoch ?? 0;
  const traces = tracesOf(stage, agents);
  const names = [...reconcilers, ...agents];
  const startMs = wallMs();
  try {
    await killAll(stage, names);
    say(`killed: ${what}, ${names.length} in all`);
  } finally {
    await startAll(stage, names);
  }
  await platform.untilLeader((leader) => leader.epoch > epoch, BACK_TIMEOUT_MS, signal);
  await untilTakenOver(stage, traces);
  say(`all serve again after ${seconds(wallMs() - startMs)}`);
  await pause(AFTER_MS, signal);
  return unchanged(stage, before, what);
}

async function inTurn(
  stage: DrillStage,
  before: Before,
  reconcilers: readonly string[],
  agents: readonly string[],
): Promise<readonly Finding[]> {
  for (const name of [...reconcilers, ...agents]) {
    const traces = tracesOf(stage, agents.includes(name) ? [name] : []);
    try {
      await killAll(stage, [name]);
    } finally {
      await startAll(stage, [name]);
    }
    await untilTakenOver(stage, traces);
  }
  stage.say(`killed and started again, one after the other: ${reconcilers.length + agents.length}`);
  await pause(AFTER_MS, stage.signal);
  return unchanged(stage, before, 'one after the other');
}

async function unchanged(
  stage: DrillStage,
  before: Before,
  what: string,
): Promise<readonly Finding[]> {
  const whole = await wholeAgain(stage);
  const rows = await stage.platform.rowVersions();
  return [
    rowsUnchanged(`${what}: no row changes`, before.rows, rows),
    serversUnchanged(`${what}: the servers are the same`, stage.lab, before.servers),
    { ...whole, what: `${what}: ${whole.what}` },
  ];
}
