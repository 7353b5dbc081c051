import { killAll, startAll } from './all-daemons.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { noCallFailed, nodesOf, pause, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';
import { untilUnsupervised } from './unsupervised.js';

/** The witness asks each of them twice meanwhile, and a guard that fails would show. */
const WATCHED_MS = 10_000;

/** All agents of the media nodes are lost at once while their servers live: no row leaves, no call is lost. */
export const massSilence: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const nodes = nodesOf(lab, 'media', 2);
  const names = nodes.map(({ name }) => name);
  const before = await platform.rowVersions();
  const findings: Finding[] = [];
  try {
    const killedAtMs = wallMs();
    await killAll(stage, names);
    say(`${nodes.length} agents killed at once, their servers live`);
    findings.push(await untilUnsupervised(stage, nodes, killedAtMs));
    await pause(WATCHED_MS, signal);
    const after = await platform.rowVersions();
    findings.push(rowsUnchanged('no row leaves or changes', before, after));
  } finally {
    await startAll(stage, names);
  }
  say('all agents started again');
  const whole = await wholeAgain(stage);
  const rows = rowsUnchanged('nor when they return', before, await platform.rowVersions());
  return (report) => [noCallFailed(report), ...findings, rows, whole];
}
