import { killPart } from '../faults.js';
import type { LabState } from '../state.js';
import { restartAgent } from '../restart.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, nodesOf, pause, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';
import { untilUnsupervised } from './unsupervised.js';

/** The witness asks each of them twice meanwhile, and a guard that fails would show. */
const WATCHED_MS = 10_000;

/** All agents of the media nodes are lost at once while their servers live: no row leaves, no call is lost. */
export const massSilence: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const nodes = nodesOf(lab, 'media', 2);
  const before = await platform.rowVersions();
  let state: LabState = lab;
  const findings: Finding[] = [];
  try {
    for (const { name } of nodes) killPart(lab, { name, agent: true });
    const killedAtMs = wallMs();
    say(`${nodes.length} agents killed at once, their servers live`);
    findings.push(await untilUnsupervised(stage, nodes, killedAtMs));
    await pause(WATCHED_MS, signal);
    const after = await platform.rowVersions();
    findings.push(rowsUnchanged('no row leaves or changes', before, after));
  } finally {
    for (const node of nodes) state = await restartAgent(state, node, env);
  }
  say('all agents started again');
  const whole = await wholeAgain({ ...stage, lab: state });
  const rows = rowsUnchanged('nor when they return', before, await platform.rowVersions());
  return (report) => [noCallFailed(report), ...findings, rows, whole];
}
