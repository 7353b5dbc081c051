import { LabError } from '../../util/errors.js';
import { killPart } from '../faults.js';
import type { LabNode } from '../plan.js';
import type { LabState } from '../state.js';
import { restartAgent } from '../restart.js';
import { onlyStoodOnIt } from './routings.js';
import { readRoutings } from '../routed.js';
import { rowsUnchanged } from './rows.js';
import { SILENCE_TIMEOUT_MS, untilSilent } from './silence.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { addressOf, oneOf, pause, seconds, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';
import { untilFlags } from './wanted-changes.js';

/** Beyond the session of the lost agent: time for two questions of the witness, and as much again. */
const WITNESS_MS = 4_000;
const INACTIVE = 9;

/**
 * An agent that is lost for good while its media server lives: its row stays, since the server answers the
 * reconciler. Then the server is lost as well: its row becomes inactive. Nobody said goodbye in either case.
 */
export const nodeLost: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, env, signal, say } = stage;
  const node = oneOf(lab, 'media');
  const before = await platform.rowVersions();
  let state: LabState = lab;
  const findings: Finding[] = [];
  let killedAtMs = wallMs();
  try {
    killPart(lab, { name: node.name, agent: true });
    say(`${node.name}'s agent killed, its server lives`);
    if ((await untilSilent(stage, [node])) === null) {
      throw new LabError(`${node.name}'s znode is still there`);
    }
    await pause(WITNESS_MS, signal);
    const after = await platform.rowVersions();
    findings.push(rowsUnchanged('the row of a silent node that answers SIP stays', before, after));
    killedAtMs = killPart(lab, { name: node.name, agent: false }).atMs;
    say(`${node.name}'s server killed`);
    findings.push(await untilInactive(stage, node, killedAtMs));
  } finally {
    state = await restartAgent(state, node, env);
  }
  const whole = await wholeAgain({ ...stage, lab: state });
  return (report) => [
    onlyStoodOnIt(
      report,
      [{ node: addressOf(node), atMs: killedAtMs }],
      [readRoutings(lab, 'dispatcher')],
    ),
    ...findings,
    whole,
  ];
}

async function untilInactive(stage: DrillStage, node: LabNode, sinceMs: number): Promise<Finding> {
  const atMs = await untilFlags(stage, node, INACTIVE, SILENCE_TIMEOUT_MS);
  const what = 'the row of a silent node that does not answer becomes inactive';
  const seen = atMs === null ? 'it did NOT' : `flags 9 after ${seconds(atMs - sinceMs)}`;
  return { what, isGood: atMs !== null, seen };
}
