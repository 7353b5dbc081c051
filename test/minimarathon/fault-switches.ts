import type { Deployment } from './deployment.js';
import type { Deployments } from './deployments.js';
import type { Faults } from './faults.js';
import type { Instance } from './instance.js';
import { isLive } from './instance.js';
import type { Reason } from './offers.js';
import { REASON_FUNNEL } from './offers.js';
import { instanceIdOf } from './paths.js';
import type { MarathonNode, Spoiling } from './server.js';
import type { Unreachability } from './unreachable.js';
import type { World } from './world.js';

/** What the faults act on. */
export interface FaultPorts {
  readonly world: World;
  readonly deployments: Deployments;
  readonly unreachability: Unreachability;
  readonly spoiling: Spoiling;
  readonly leading: { url: string };
  readonly nodes: { readonly first: MarathonNode; readonly second: MarathonNode };
}

/** The faults of a running server. */
export function newFaults(ports: FaultPorts): Faults {
  const { world, deployments, unreachability, spoiling, leading, nodes } = ports;
  const { switches, hub } = world;
  const locks = new Map<string, Deployment>();
  return {
    loseHost: (hostname) => unreachability.lose(hostname),
    returnHost: (hostname) => unreachability.giveBack(hostname),
    dropEvents: () => hub.drop(),
    silenceEvents: (on) => hub.silence(on),
    refuseOffers: (reason) => (switches.refusal = toReason(reason)),
    holdDeployments: (on) => {
      switches.isHeld = on;
      if (!on) deployments.release();
    },
    lockApp: (appId) => {
      const lock = lockOn(world, deployments, appId);
      locks.set(appId, lock);
      return lock.id;
    },
    unlockApp: (appId) => {
      const lock = locks.get(appId);
      if (lock !== undefined) deployments.finish(lock);
      locks.delete(appId);
    },
    slowKills: (ms) => (switches.slowKillsMs = ms),
    changeLeader: () => {
      const { first, second } = nodes;
      leading.url = leading.url === first.url ? second.url : first.url;
      hub.drop();
      return leading.url;
    },
    answerWith: (how, count) => Object.assign(spoiling, { how, left: count }),
    relaunch: async (taskId) => relaunch(world, taskId),
  };
}

function toReason(reason: string | null): Reason | null {
  if (reason === null) return null;
  const found = REASON_FUNNEL.find((one) => one === reason);
  if (found === undefined) throw new Error(`${reason} is none of ${REASON_FUNNEL.join(', ')}`);
  return found;
}

function lockOn(world: World, deployments: Deployments, appId: string): Deployment {
  const { root } = world.store;
  const spec = root.specs.get(appId);
  if (spec === undefined) throw new Error(`no app ${appId}`);
  const steps = [[{ kind: 'scale' as const, spec, toKill: [] }]];
  const plan = { original: root.specs, target: root.specs, steps };
  return deployments.hold(plan, world.store.nextVersion());
}

async function relaunch(world: World, taskId: string): Promise<string> {
  const instance = world.tracker.find(instanceIdOf(taskId) ?? '');
  const task = instance?.tasks.find(({ id }) => id === taskId);
  if (instance === undefined || task === undefined || !isLive(task)) {
    throw new Error(`no task ${taskId}`);
  }
  const { incarnation } = instance;
  const again = new Promise<string>((resolve) => {
    const stopListening = world.tracker.listen(({ instance: changed }) => {
      world.backoff.reset(instance.spec);
      if (changed !== instance || !isRunningSince(instance, incarnation)) return;
      stopListening();
      resolve(instance.tasks[0]?.id ?? '');
    });
  });
  await task.running?.kill();
  return again;
}

const isRunningSince = (instance: Instance, incarnation: number): boolean =>
  instance.condition === 'Running' && instance.incarnation > incarnation;
