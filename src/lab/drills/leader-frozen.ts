import { LabError } from '../../util/errors.js';
import { RECONCILER_ZK_SESSION_MS } from '../daemon-env.js';
import { freezePart, killPart, thawPart } from '../faults.js';
import type { LabNode, LabReconciler } from '../plan.js';
import { isAlive } from '../parts/daemon.js';
import type { Platform } from '../platform.js';
import { readRoutings } from '../routed.js';
import { leaderOf, readReconciler } from './reconciler-health.js';
import { askDrain, takeBack } from './drain-round.js';
import { onlyStoodOnIt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  addressOf,
  BACK_TIMEOUT_MS,
  nodesOf,
  pause,
  seconds,
  SHORT_CALLS,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';
import { untilFlags } from './wanted-changes.js';

const FROZEN_MS = 3 * RECONCILER_ZK_SESSION_MS;
/** A commit that was on its way is through: the server needs nobody for that. */
const ON_ITS_WAY_MS = 500;
const POLL_MS = 50;
const DISABLED = 4;
/** What it would write after it wakes, it would write at once. */
const AFTER_MS = 2_000;

/**
 * SIGSTOP of the leading reconciler for three session time-outs while a change is wanted: another one
 * leads and makes it; the old one, when it goes on, writes nothing, resigns and is the standby.
 */
export const leaderFrozen: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, platform, signal, say } = stage;
  const old = await leaderOf(stage);
  const { part } = old;
  const [node, drained] = nodesOf(lab, 'media', 2);
  if (node === undefined || drained === undefined) throw new LabError('the lab has no media nodes');
  const target = { name: part.name, agent: false };
  const { process } = freezePart(lab, target);
  const frozenAtMs = wallMs();
  say(`${part.name}, leader of epoch ${old.epoch}: SIGSTOP for ${seconds(FROZEN_MS)}`);
  let kill: { readonly node: string; readonly atMs: number };
  let findings: Finding[];
  try {
    await pause(ON_ITS_WAY_MS, signal);
    const base = await newestGeneration(platform);
    kill = { node: addressOf(node), atMs: killPart(lab, { name: node.name, agent: false }).atMs };
    say(`${node.name}'s server killed meanwhile`);
    await askDrain(stage, drained, null);
    findings = [await otherLeads(stage, old, frozenAtMs)];
    findings.push(await isMade(stage, drained));
    await pause(Math.max(0, frozenAtMs + FROZEN_MS - wallMs()), signal);
    thawPart(lab, target);
    say(`${part.name}: SIGCONT`);
    findings.push(await isStandby(stage, part, isAlive(process)));
    await pause(AFTER_MS, signal);
    findings.push(await writesOf(platform, old.epoch, base));
  } finally {
    thawPart(lab, target);
    await takeBack(stage, drained);
  }
  const whole = await wholeAgain(stage);
  return (report) => [
    onlyStoodOnIt(report, [kill], [readRoutings(lab, 'dispatcher')]),
    ...findings,
    whole,
  ];
}

async function otherLeads(
  { platform, signal }: DrillStage,
  old: { readonly epoch: number },
  sinceMs: number,
): Promise<Finding> {
  const next = await platform.untilLeader(
    (found) => found.epoch > old.epoch,
    BACK_TIMEOUT_MS,
    signal,
  );
  const seen = `${next.holder}, epoch ${next.epoch}, after ${seconds(wallMs() - sinceMs)}`;
  return { what: 'another one leads', isGood: true, seen };
}

/** An operator's drain disables the row whatever the node's agent does. */
async function isMade(stage: DrillStage, node: LabNode): Promise<Finding> {
  const startMs = wallMs();
  const atMs = await untilFlags(stage, node, DISABLED, BACK_TIMEOUT_MS);
  const seen = atMs === null ? 'it is NOT' : `${seconds(atMs - startMs)} later`;
  return { what: `it makes the change: ${node.name} is drained`, isGood: atMs !== null, seen };
}

async function newestGeneration(platform: Platform): Promise<number> {
  const [found] = await platform.store.query<{ newest: string }>({
    text: 'SELECT coalesce(max(generation), 0) AS newest FROM carna.generation',
  });
  return Number(found?.newest ?? 0);
}

/** A generation names the epoch that wrote it. */
async function writesOf(platform: Platform, epoch: number, base: number): Promise<Finding> {
  const [found] = await platform.store.query<{ own: string; others: string }>({
    text: `SELECT count(*) FILTER (WHERE epoch <= $1) AS own, count(*) FILTER (WHERE epoch > $1) AS others
             FROM carna.generation WHERE generation > $2`,
    values: [epoch, base],
  });
  const [own, others] = [Number(found?.own ?? 0), Number(found?.others ?? 0)];
  const znode = platform.view.generation().record?.epoch ?? 0;
  return {
    what: 'the frozen one wrote nothing more',
    isGood: own === 0 && others > 0 && znode > epoch,
    seen: `after generation ${base}: ${own} of epoch ${epoch}, ${others} of later ones; the generation znode is of epoch ${znode}`,
  };
}

async function isStandby(
  { signal }: DrillStage,
  { name, http }: LabReconciler,
  isSameProcess: boolean,
): Promise<Finding> {
  const what = 'it resigns and is the standby';
  const startMs = wallMs();
  const find = async (): Promise<string | null> => {
    const seen = await readReconciler(http);
    if (seen === null || seen.isLeader || !seen.isFresh) return null;
    return `${name} is the standby ${seconds(wallMs() - startMs)} after SIGCONT, ${seen.counters.deposed} of its writes refused`;
  };
  const seen = await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, signal);
  if (!isSameProcess) return { what, isGood: false, seen: `${name} ENDED` };
  return { what, isGood: seen !== null, seen: seen ?? `${name} is NOT` };
}
