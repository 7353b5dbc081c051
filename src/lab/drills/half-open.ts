import { DeadlineError, LabError } from '../../util/errors.js';
import { connectionsTo } from '../connections.js';
import { AGENT_ZK_SESSION_MS, RECONCILER_ZK_SESSION_MS } from '../daemon-env.js';
import type { Loss } from '../dropped-packets.js';
import { droppedSoFar, dropPackets, passPackets, whyNotDropped } from '../dropped-packets.js';
import type { LabReconciler } from '../plan.js';
import { readFiguresOf } from './daemon-figures.js';
import { askDrain, takeBack, untilAcknowledged } from './drain-round.js';
import type { OnEnd } from './fault-drill.js';
import { faultDrill } from './fault-drill.js';
import { ListWatch, shownNow } from './list-watch.js';
import { rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding } from './stage.js';
import { BACK_TIMEOUT_MS, oneOf, pause, seconds, untilFound } from './stage.js';

/** Sessions end a tick or two after their time-out. */
const BEYOND_SESSION_MS = AGENT_ZK_SESSION_MS + 2_000;
/** A leader that hears nothing gives its connection up before its session ends; the rest is the machine's slowness. */
const NOTICED_MS = RECONCILER_ZK_SESSION_MS + 2_000;
const POLL_MS = 50;

/** All packets to and from ZooKeeper are lost for longer than any session lasts; nobody gets a reset. */
export const halfOpen: Drill = faultDrill(
  async (stage, onEnd) => {
    const lossMs = Math.max(stage.awayMs, BEYOND_SESSION_MS);
    await lose(stage, onEnd, 'ZooKeeper', zookeeperLosses(stage), lossMs);
    await pause(lossMs, stage.signal);
    return [await passAgain(stage, 'ZooKeeper')];
  },
  { needs: whyNotDropped },
);

/**
 * The same with PostgreSQL, while a drain is asked for: nothing can be written, so nothing changes; what was
 * asked is done when packets pass again.
 */
export const halfOpenPostgres: Drill = faultDrill(
  async (stage, onEnd) => {
    const { lab, awayMs, say } = stage;
    const node = oneOf(lab, 'media');
    const watch = new ListWatch(stage, await shownNow(stage));
    let during: readonly Finding[];
    let lost: Finding;
    onEnd(() => takeBack(stage, node));
    try {
      await lose(stage, onEnd, 'PostgreSQL', [{ kind: 'all', server: lab.plan.postgres }], awayMs);
      await askDrain(stage, node, null);
      say(`${node.name}: drain asked`);
      await pause(awayMs, stage.signal);
    } finally {
      during = await watch.stop();
      lost = await passAgain(stage, 'PostgreSQL');
    }
    const startMs = performance.now();
    const atMs = await untilAcknowledged(stage, node, BACK_TIMEOUT_MS);
    const done = {
      what: 'a drain that was asked for meanwhile reaches every list',
      isGood: atMs !== null,
      seen: atMs === null ? 'it did NOT' : `${seconds(performance.now() - startMs)} after the cut`,
    };
    return [lost, ...during, done];
  },
  { needs: whyNotDropped, changesRows: true },
);

/**
 * Only the leading reconciler is cut off from ZooKeeper: another leads, and what is asked of that one stands,
 * although the first still believes the old picture and reaches PostgreSQL.
 */
export const cutLeader: Drill = faultDrill(
  async (stage, onEnd) => {
    const { lab, awayMs, signal } = stage;
    const { part, epoch } = await leaderOf(stage);
    const node = oneOf(lab, 'media');
    onEnd(() => takeBack(stage, node));
    await lose(stage, onEnd, part.name, lossesOf(stage, part), awayMs);
    const startMs = performance.now();
    const handover = await handoverFindings(stage, part, epoch);
    const writes = await writesOf(part);
    await askDrain(stage, node, null);
    const atMs = await untilAcknowledged(stage, node, BACK_TIMEOUT_MS);
    const written = await stage.platform.rowVersions();
    await pause(Math.max(0, awayMs - (performance.now() - startMs)), signal);
    const after = await writesOf(part);
    const kept = rowsUnchanged(
      'what the new leader wrote stands',
      written,
      await stage.platform.rowVersions(),
    );
    return [
      await passAgain(stage, part.name),
      ...handover,
      {
        what: 'the new leader brings a change to every list',
        isGood: atMs !== null,
        seen: atMs === null ? 'it did NOT' : `a drain of ${node.name} is proven`,
      },
      kept,
      {
        what: 'the one that is cut off writes nothing any more',
        isGood: writes !== null && writes === after,
        seen: `${writes ?? 'unknown'} writes when another led, ${after ?? 'unknown'} at the end`,
      },
    ];
  },
  { needs: whyNotDropped, changesRows: true },
);

async function leaderOf({
  lab,
  platform,
}: DrillStage): Promise<{ readonly part: LabReconciler; readonly epoch: number }> {
  const leader = await platform.leader();
  const part = lab.plan.reconcilers.find(({ name }) => name === leader?.holder);
  if (leader === null || part === undefined) throw new LabError('no reconciler leads');
  if (lab.plan.reconcilers.length < 2) throw new LabError('this drill needs 2 reconcilers');
  return { part, epoch: leader.epoch };
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
    (await readFiguresOf(part.http))?.get('carna_registry_connected') === 0 ? true : null;
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
  const figures = await readFiguresOf(part.http);
  if (figures === null) return null;
  const count = (what: string): number =>
    figures.get(`carna_reconciler_count{what="${what}"}`) ?? 0;
  return count('commits') + count('znodeWrites');
}

function zookeeperLosses({ lab }: DrillStage): readonly Loss[] {
  return lab.plan.zookeepers.map(({ client }) => ({ kind: 'all', server: client }));
}

async function lose(
  { lab, say }: DrillStage,
  onEnd: OnEnd,
  whose: string,
  losses: readonly Loss[],
  lossMs: number,
): Promise<void> {
  onEnd(() => passPackets(lab.plan));
  await dropPackets(lab.plan, losses);
  say(`packets of ${whose} are lost for ${seconds(lossMs)}`);
}

/** Ends the loss and tells how much was lost. */
async function passAgain({ lab, say }: DrillStage, whose: string): Promise<Finding> {
  const packets = await droppedSoFar(lab.plan);
  await passPackets(lab.plan);
  say(`packets of ${whose} pass again`);
  return {
    what: `packets of ${whose} were lost without a word`,
    isGood: packets > 0,
    seen: `${packets} packets`,
  };
}
