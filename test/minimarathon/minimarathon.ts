import type { Api } from './api.js';
import { Backoff } from './backoff.js';
import { Deployments } from './deployments.js';
import { EventHub } from './event-hub.js';
import { instanceChanged, instanceHealthChanged } from './events.js';
import { newFaults } from './fault-switches.js';
import type { Faults } from './faults.js';
import { Host } from './hosts.js';
import { KillService } from './kill.js';
import { Launcher } from './launcher.js';
import type { MinimarathonOptions } from './options.js';
import { DEFAULT_TIMING } from './options.js';
import { Router } from './router.js';
import { appRoutes } from './routes-apps.js';
import { clusterRoutes } from './routes-cluster.js';
import { groupRoutes } from './routes-groups.js';
import { podRoutes } from './routes-pods.js';
import { taskRoutes } from './routes-tasks.js';
import type { Spoiling } from './server.js';
import { MarathonNode } from './server.js';
import { Store } from './store.js';
import { Timers } from './timers.js';
import { Tracker } from './tracker.js';
import { Unreachability } from './unreachable.js';
import type { World } from './world.js';

/** A running contract server. */
export interface Minimarathon {
  /** The first Marathon; the leader until `faults.changeLeader()`. */
  readonly url: string;
  /** The second one, a non-leader at first. */
  readonly standbyUrl: string;
  readonly faults: Faults;
  /** What went wrong inside so far: an answer that does not fit its schema, for one. Tests want it empty. */
  readonly problems: readonly string[];
  /** Kills what it started, closes the driver and the listeners. Safe to call twice. */
  close(): Promise<void>;
}

/** Marathon's limit. */
const MAX_UNREAD_EVENTS = 1_024;

/**
 * A test double for Marathon's API and its kill behaviour over a driver that really runs the tasks.
 * Throws when it cannot listen.
 */
export async function startMinimarathon(options: MinimarathonOptions): Promise<Minimarathon> {
  const problems: string[] = [];
  const closing = new AbortController();
  const onFault = (message: string): void => {
    problems.push(message);
    options.onFault?.(message);
  };
  const world = newWorld(options, closing.signal, onFault);
  const deployments = new Deployments(world);
  world.scaleCheck = (id) => deployments.scaleCheck(id);
  world.tracker.listen(({ kind, instance }) => {
    if (kind === 'condition') world.hub.publish(instanceChanged(instance));
    if (kind === 'health') world.hub.publish(instanceHealthChanged(instance));
  });
  const kills = new KillService(world);
  const unreachability = new Unreachability(world, kills);
  new Launcher(world);
  const leading = { url: '' };
  const api: Api = { world, deployments, kills, leader: () => new URL(leading.url).host };
  const spoiling: Spoiling = { how: '500', left: 0 };
  const nodes = await openNodes(options, api, spoiling, leading, onFault);
  let closed: Promise<void> | undefined;
  return {
    url: nodes.first.url,
    standbyUrl: nodes.second.url,
    problems,
    faults: newFaults({ world, deployments, unreachability, spoiling, leading, nodes }),
    close: () => (closed ??= close(world, deployments, closing, nodes)),
  };
}

interface Nodes {
  readonly first: MarathonNode;
  readonly second: MarathonNode;
}

function newWorld(
  options: MinimarathonOptions,
  closed: AbortSignal,
  fault: (message: string) => void,
): World {
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const timers = new Timers();
  const hub = new EventHub({
    heartbeatMs: timing.heartbeatMs,
    maxUnread: options.maxUnreadEvents ?? MAX_UNREAD_EVENTS,
    shuffle: options.shuffleEvents ?? false,
    timers,
    onFault: fault,
  });
  return {
    timing,
    timers,
    hub,
    driver: options.driver,
    hosts: new Map(options.hosts.map((host) => [host.hostname, new Host(host)])),
    tracker: new Tracker(),
    store: new Store(),
    backoff: new Backoff(timing.secondMs),
    statistics: new Map(),
    failures: new Map(),
    orphans: new Set(),
    launches: new Set(),
    switches: { refusal: null, slowKillsMs: 0, isHeld: false },
    isTaskKillingShown: options.taskKilling ?? false,
    closed,
    fault,
    scaleCheck: () => undefined,
  };
}

async function openNodes(
  options: MinimarathonOptions,
  api: Api,
  spoiling: Spoiling,
  leading: { url: string },
  onFault: (message: string) => void,
): Promise<Nodes> {
  const handlers = {
    ...appRoutes(api),
    ...taskRoutes(api),
    ...groupRoutes(api),
    ...clusterRoutes(api),
    ...podRoutes(api),
  };
  const { hub, timers, timing } = api.world;
  const router = new Router(handlers, onFault);
  const leaderUrl = (): string => leading.url;
  const ports = { router, hub, timers, spoiling, slowMs: timing.slowAnswerMs, leaderUrl };
  const first = await MarathonNode.open(options.listen, ports);
  leading.url = first.url;
  const standby = options.standby ?? { host: options.listen.host, port: 0 };
  try {
    return { first, second: await MarathonNode.open(standby, ports) };
  } catch (err) {
    await first.close();
    throw err;
  }
}

async function close(
  world: World,
  deployments: Deployments,
  closing: AbortController,
  nodes: Nodes,
): Promise<void> {
  closing.abort();
  deployments.close();
  world.timers.close();
  world.hub.drop();
  await nodes.second.close();
  await nodes.first.close();
  await Promise.all(world.launches);
  await world.driver.close();
}
