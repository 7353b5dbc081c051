import { LabError } from '../../util/errors.js';
import { freezePart, thawPart } from '../faults.js';
import type { LabNode } from '../plan.js';
import { rowsUnchanged } from './rows.js';
import { serversOf, serversUnchanged } from './servers.js';
import { untilSilent } from './silence.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, oneOf, pause, seconds, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';
import { untilUnsupervised } from './unsupervised.js';

/** Beyond the end of their sessions: the witness asks several times, and a guard that fails would show. */
const SILENT_MS = 5_000;

/** SIGSTOP of agents beyond the end of their sessions: their servers answer, so their rows stay. */
export const agentFrozen: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, say } = stage;
  const nodes = [oneOf(lab, 'media'), oneOf(lab, 'dispatcher')];
  const servers = serversOf(lab, nodes);
  const before = await platform.rowVersions();
  const frozenAtMs = wallMs();
  let findings: readonly Finding[];
  try {
    for (const { name } of nodes) freezePart(lab, { name, agent: true });
    say(`agents frozen: ${nodes.map(({ name }) => name).join(', ')}`);
    findings = await whileSilent(stage, nodes, frozenAtMs);
  } finally {
    for (const { name } of nodes) thawPart(lab, { name, agent: true });
  }
  say('both go on');
  const whole = await wholeAgain(stage);
  const after = await platform.rowVersions();
  return (report) => [
    noCallFailed(report),
    ...findings,
    rowsUnchanged('no row changes while they are silent, nor when they go on', before, after),
    serversUnchanged('their servers are the same', lab, servers),
    whole,
  ];
}

async function whileSilent(
  stage: DrillStage,
  nodes: readonly LabNode[],
  sinceMs: number,
): Promise<readonly Finding[]> {
  const silentAtMs = await untilSilent(stage, nodes);
  if (silentAtMs === null) throw new LabError('the znodes of frozen agents are still there');
  stage.say(`their znodes are gone after ${seconds(silentAtMs - sinceMs)}`);
  const unsupervised = await untilUnsupervised(stage, nodes, sinceMs);
  await pause(SILENT_MS, stage.signal);
  return [unsupervised];
}
