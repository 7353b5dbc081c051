import type { HeldRecord } from '../../topology/node.js';
import { LabError } from '../../util/errors.js';
import { killPart } from '../faults.js';
import { readRoutings } from '../routed.js';
import { killAll, startAll } from './all-daemons.js';
import { onlyStoodOnIt } from './routings.js';
import { rowsUnchanged } from './rows.js';
import { untilSilent } from './silence.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  addressOf,
  allNodes,
  BACK_TIMEOUT_MS,
  oneOf,
  pause,
  seconds,
  SHORT_CALLS,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';
import { untilUnsupervised } from './unsupervised.js';

/** The witness asks each of them several times meanwhile. */
const WATCHED_MS = 5_000;
/** What the guards hold is told within some of the witness's rounds. */
const HELD_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/**
 * All agents of the data centre are lost at once, their servers live: nothing leaves. Then one server dies,
 * and even its row is held, since something wider is suspected. The hold ends when the agents are back.
 */
export const datacentreSilent: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const agents = allNodes(lab);
  const node = oneOf(lab, 'media');
  const before = await platform.rowVersions();
  const startMs = wallMs();
  const findings: Finding[] = [];
  let killedAtMs: number;
  try {
    await killAll(stage, agents);
    say(`all ${agents.length} agents killed at once, their servers live`);
    const silentAtMs = await untilSilent(stage, lab.plan.nodes);
    if (silentAtMs === null) throw new LabError('some znodes are still there');
    say(`every node is silent after ${seconds(silentAtMs - startMs)}`);
    findings.push(await untilUnsupervised(stage, lab.plan.nodes, startMs));
    await pause(WATCHED_MS, signal);
    findings.push(rowsUnchanged('no row changes', before, await platform.rowVersions()));
    killedAtMs = killPart(lab, { name: node.name, agent: false }).atMs;
    say(`${node.name}'s server killed as well`);
    findings.push(await untilHeld(stage, killedAtMs));
    findings.push(rowsUnchanged('nor then: it is held', before, await platform.rowVersions()));
  } finally {
    await startAll(stage, agents);
  }
  say('all agents started again');
  const whole = await wholeAgain(stage);
  findings.push(await untilNothingHeld(stage));
  const hit = { node: addressOf(node), atMs: killedAtMs };
  return (report) => [
    onlyStoodOnIt(report, [hit], [readRoutings(lab, 'dispatcher')]),
    ...findings,
    whole,
  ];
}

/** What `carna guard` shows. */
function heldOf({ platform }: DrillStage): readonly HeldRecord[] {
  return platform.view.generation().record?.held ?? [];
}

async function untilHeld(stage: DrillStage, sinceMs: number): Promise<Finding> {
  const find = (): HeldRecord | null => heldOf(stage).find(({ rule }) => rule === 'stop') ?? null;
  const held = await untilFound(find, HELD_TIMEOUT_MS, POLL_MS, stage.signal);
  const what = 'the global stop shows in carna guard';
  if (held === null) return { what, isGood: false, seen: 'it does NOT' };
  const { setid, count, why } = held;
  const seen = `after ${seconds(wallMs() - sinceMs)}: set ${setid}, ${count} held, ${why}`;
  return { what, isGood: true, seen };
}

async function untilNothingHeld(stage: DrillStage): Promise<Finding> {
  const startMs = wallMs();
  const find = (): true | null => (heldOf(stage).length === 0 ? true : null);
  const isOver = (await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, stage.signal)) !== null;
  const seen = isOver ? `after ${seconds(wallMs() - startMs)}` : 'it does NOT';
  return { what: 'the hold ends by itself', isGood: isOver, seen };
}
