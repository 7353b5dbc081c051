import { DeadlineError, LabError } from '../../util/errors.js';
import { connectionsTo } from '../connections.js';
import { RECONCILER_ZK_SESSION_MS } from '../daemon-env.js';
import type { Loss } from '../dropped-packets.js';
import { whyNotDropped } from '../dropped-packets.js';
import { readFigures } from '../figures.js';
import type { LabReconciler } from '../plan.js';
import { askDrain, takeBack, untilAcknowledged } from './drain-round.js';
import type { OnEnd } from './fault-drill.js';
import { faultDrill } from './fault-drill.js';
import { lose, passAgain } from './packet-loss.js';
import { leaderOf } from './reconciler-health.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { BACK_TIMEOUT_MS, oneOf, pause, seconds, untilFound } from './stage.js';

/** A leader that hears nothing gives its connection up before its session ends; the rest is the machine's slowness. */
const NOTICED_MS = RECONCILER_ZK_SESSION_MS + 2_000;
const POLL_MS = 50;
const LEAST_RECONCILERS = 2;

/**
 * Only the leading reconciler is cut off from ZooKeeper: another leads, and what is asked of that one stands,
 * although the first still believes the old picture and reaches PostgreSQL.
 */
export const cutLeader: Drill = faultDrill(act, {
  needs: async (lab) =>
    lab.plan.reconcilers.length < LEAST_RECONCILERS ? '--reconcilers 2' : whyNotDropped(),
  changesRows: true,
});

async function act(stage: DrillStage, onEnd: OnEnd): Promise<readonly Finding[]> {
  const { part, epoch } = await leaderOf(stage);
  await lose(stage, onEnd, part.name, lossesOf(stage, part), stage.awayMs);
  const startMs = performance.now();
  const handover = await handoverFindings(stage, part, epoch);
  const newRule = await newLeaderFindings(stage, onEnd, part, startMs + stage.awayMs);
  return [await passAgain(stage, part.name), ...handover, ...newRule];
}

/** A change is asked for; what the new leader makes of it is left alone by the one that is cut off. */
async function newLeaderFindings(
  stage: DrillStage,
  onEnd: OnEnd,
  cut: LabReconciler,
  untilMs: number,
): Promise<readonly Finding[]> {
  const { lab, platform, signal } = stage;
  const node = oneOf(lab, 'media');
  const writes = await writesOf(cut);
  onEnd(() => takeBack(stage, node));
  await askDrain(stage, node, null);
  const atMs = await untilAcknowledged(stage, node, BACK_TIMEOUT_MS);
  const written = await platform.rowVersions();
  await pause(Math.max(0, untilMs - performance.now()), signal);
  const after = await writesOf(cut);
  return [
    {
      what: 'the new leader brings a change to every list',
      isGood: atMs !== null,
      seen: atMs === null ? 'it did NOT' : `a drain of ${node.name} is proven`,
    },
    rowsUnchanged('what the new leader wrote stands', written, await platform.rowVersions()),
    {
      what: 'the one that is cut off writes nothing any more',
      isGood: writes !== null && writes === after,
      seen: `${writes ?? 'unknown'} writes when another led, ${after ?? 'unknown'} at the end`,
    },
  ];
}

async function handoverFindings(
  stage: DrillStage,
  part: LabReconciler,
  epoch: number,
): Promise<readonly Finding[]> {
  const { platform, signal, say } = stage;
  const before = await platform.rowVersions();
  const startMs = performance.now();
  const isNewer = (found: { readonly epoch: number }): boolean => found.epoch > epoch;
  const [noticed, next] = await Promise.all([
    untilNoticed(stage, part),
    platform.untilLeader(isNewer, BACK_TIMEOUT_MS, signal).catch(noneInTime),
  ]);
  const tookMs = performance.now() - startMs;
  say(`${next?.holder ?? 'nobody'} leads`);
  const led = {
    what: 'another reconciler leads',
    isGood: next !== null && next.holder !== part.name,
    seen:
      next === null ? 'NONE does' : `${next.holder}, epoch ${next.epoch}, after ${seconds(tookMs)}`,
  };
  const rows = await platform.rowVersions();
  return [noticed, led, rowsUnchanged('the change of leaders changes no row', before, rows)];
}

/** Its connections, and every new one by whomever: the others keep those that they have. */
function lossesOf({ lab }: DrillStage, { name }: LabReconciler): readonly Loss[] {
  const pid = lab.processes[name]?.pid;
  if (pid === undefined) throw new LabError(`${name} does not run`);
  const losses = lab.plan.zookeepers.flatMap(({ client: server }): Loss[] => [
    { kind: 'new-connections', server },
    ...connectionsTo(pid, server).map((client): Loss => ({ kind: 'connection', server, client })),
  ]);
  if (losses.every(({ kind }) => kind === 'new-connections')) {
    throw new LabError(`${name} has no connection to ZooKeeper`);
  }
  return losses;
}

function noneInTime(err: unknown): null {
  if (err instanceof DeadlineError) return null;
  throw err;
}

/** A connection that carries nothing any more is noticed, and no write is begun then. */
async function untilNoticed(stage: DrillStage, part: LabReconciler): Promise<Finding> {
  const startMs = performance.now();
  const isCut = async (): Promise<true | null> =>
    (await readFigures(part.http))?.get('carna_registry_connected') === 0 ? true : null;
  const isDone = await untilFound(isCut, BACK_TIMEOUT_MS, POLL_MS, stage.signal);
  const tookMs = performance.now() - startMs;
  return {
    what: `the one that is cut off finds out within ${seconds(NOTICED_MS)}`,
    isGood: isDone === true && tookMs <= NOTICED_MS,
    seen: isDone === true ? `after ${seconds(tookMs)}` : 'it did NOT',
  };
}

/** Commits and generation znodes so far; null when it does not answer. */
async function writesOf(part: LabReconciler): Promise<number | null> {
  const figures = await readFigures(part.http);
  if (figures === null) return null;
  const count = (what: string): number =>
    figures.get(`carna_reconciler_count{what="${what}"}`) ?? 0;
  return count('commits') + count('znodeWrites');
}
