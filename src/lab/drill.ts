import { passPackets } from './dropped-packets.js';
import { playWithAftermath } from './drills/aftermath.js';
import { agentFrozen } from './drills/agent-frozen.js';
import { agentKilled } from './drills/agent-killed.js';
import { reconcilersRestarted } from './drills/reconcilers-restarted.js';
import { dcLinkCut } from './drills/dc-link-cut.js';
import { dcMediaLost } from './drills/dc-media-lost.js';
import { burst } from './drills/burst.js';
import { clockJump } from './drills/clock-jump.js';
import { datacentreSilent } from './drills/datacentre-silent.js';
import { cutLeader } from './drills/cut-leader.js';
import { dispatchersLost } from './drills/dispatchers-lost.js';
import { drain } from './drills/drain.js';
import { drainCut } from './drills/drain-cut.js';
import { drainDeadline } from './drills/drain-deadline.js';
import { frozenWorkers } from './drills/frozen-workers.js';
import { halfOpen, halfOpenPostgres } from './drills/half-open.js';
import { kamailioFrozen } from './drills/kamailio-frozen.js';
import { kamailioKilled } from './drills/kamailio-killed.js';
import { kamailioKilledMidReload } from './drills/kamailio-killed-mid-reload.js';
import { leaderFrozen } from './drills/leader-frozen.js';
import { leaderKilled } from './drills/leader-killed.js';
import { nodeLost } from './drills/node-lost.js';
import { loadBalancerKilled } from './drills/load-balancer-killed.js';
import { startLoad } from './drills/load.js';
import { massSilence } from './drills/mass-silence.js';
import type { DrillName } from './drills/names.js';
import { postgresAway } from './drills/postgres-away.js';
import { postgresFrozen } from './drills/postgres-frozen.js';
import { postgresFull } from './drills/postgres-full.js';
import { postgresRefusing } from './drills/postgres-refusing.js';
import { postgresRestarted } from './drills/postgres-restarted.js';
import { proxiesKilled } from './drills/proxies-killed.js';
import { rollingRestart } from './drills/rolling-restart.js';
import { sigtermFive } from './drills/sigterm-five.js';
import type { Drill, DrillOptions, Finding, Judge } from './drills/stage.js';
import { allNodes, BACK_TIMEOUT_MS, pause } from './drills/stage.js';
import {
  ensembleFollowerFrozen,
  ensembleLeaderKilled,
  ensembleQuorumLost,
  zookeeperEmptied,
  zookeeperFrozen,
  zookeeperKilled,
} from './drills/zookeeper-faults.js';
import type { Platform } from './platform.js';
import type { LabState } from './state.js';

const DRILLS: Readonly<Record<DrillName, Drill>> = {
  drain,
  'drain-deadline': drainDeadline,
  'drain-cut': drainCut,
  'sigterm-five': sigtermFive,
  'frozen-workers': frozenWorkers,
  'agent-killed': agentKilled,
  'node-lost': nodeLost,
  'mass-silence': massSilence,
  'postgres-away': postgresAway,
  'zookeeper-killed': zookeeperKilled,
  'zookeeper-emptied': zookeeperEmptied,
  'zookeeper-frozen': zookeeperFrozen,
  'ensemble-leader-killed': ensembleLeaderKilled,
  'ensemble-quorum-lost': ensembleQuorumLost,
  'ensemble-follower-frozen': ensembleFollowerFrozen,
  'half-open': halfOpen,
  'half-open-postgres': halfOpenPostgres,
  'cut-leader': cutLeader,
  'leader-killed': leaderKilled,
  'kamailio-killed': kamailioKilled,
  'kamailio-killed-mid-reload': kamailioKilledMidReload,
  'kamailio-frozen': kamailioFrozen,
  'leader-frozen': leaderFrozen,
  'agent-frozen': agentFrozen,
  'reconcilers-restarted': reconcilersRestarted,
  'datacentre-silent': datacentreSilent,
  'burst-200': burst,
  'clock-jump': clockJump,
  'postgres-restarted': postgresRestarted,
  'postgres-frozen': postgresFrozen,
  'postgres-refusing': postgresRefusing,
  'postgres-full': postgresFull,
  'proxies-killed': proxiesKilled,
  'load-balancer-killed': loadBalancerKilled,
  'dispatchers-lost': dispatchersLost,
  'rolling-restart': rollingRestart,
  'dc-media-lost': dcMediaLost,
  'dc-link-cut': dcLinkCut,
};

/** Calls after the act: what it broke shows in them. */
const AFTER_MS = 1_000;

/** What a drill came to. */
export interface DrillOutcome {
  readonly findings: readonly Finding[];
  /** Calls put through meanwhile, and how many of them did not end as they should. */
  readonly calls: { readonly sent: number; readonly failed: number };
}

/** What this lab or machine lacks for a drill, in a few words; null when it can be done. */
export async function drillNeeds(name: DrillName, lab: LabState): Promise<string | null> {
  return (await DRILLS[name].needs?.(lab)) ?? null;
}

/**
 * One fault under live calls. Resolves with what was found; throws only when the drill itself could not
 * be done, or was interrupted. No call is left running, and the lab is whole again, or the findings say what is not.
 */
export async function runDrill(
  name: DrillName,
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
): Promise<DrillOutcome> {
  const drill = DRILLS[name];
  const { callMs, leadMs } = drill;
  await passPackets(lab.plan); // A drill that was killed may have left its rules.
  await platform.untilSettled(allNodes(lab), BACK_TIMEOUT_MS, options.signal);
  const kind = drill.load ?? (options.users ? 'users' : 'trunk');
  const calls = await startLoad(kind, name, lab, callMs, options, platform.log);
  let judge: Judge;
  try {
    await pause(leadMs, options.signal);
    judge = await playWithAftermath(drill, { ...options, lab, platform });
    await pause(AFTER_MS, options.signal);
  } catch (err) {
    options.say('letting the present calls end');
    calls.stop();
    await calls.result.catch(() => undefined); // The first error counts.
    throw err;
  }
  calls.stop();
  const { report, findings } = await calls.result;
  const sent = { sent: report.sent, failed: report.sent - report.completed };
  const ofLoad = drill.phonesMayFail === true ? [] : findings;
  return { findings: [...judge(report), ...ofLoad], calls: sent };
}
