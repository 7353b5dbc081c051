import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { NodeRecord, Role } from '../../src/topology/node.js';
import { ROLES } from '../../src/topology/node.js';
import { testDir } from '../support/resources.js';
import type { Outcome } from './support/docker.js';
import { docker, inspect, until } from './support/docker.js';
import { removeLeftovers } from './support/leftovers.js';
import type { LoadReport } from './support/marathon-load.js';
import {
  addressOf,
  callBetweenUsers,
  told,
  underLoad,
  untilCallsOn,
} from './support/marathon-load.js';
import type { MarathonPlatform } from './support/marathon-platform.js';
import { openMarathonPlatform } from './support/marathon-platform.js';
import type { World } from './support/world.js';
import { livingNamespaces, namespaceOf, readWorld } from './support/world.js';

/**
 * An operator's story over real containers: Marathon's API is the contract server's, its hosts are network
 * namespaces, and media is the stand-in. Each test goes on where the one before ended.
 */
const SETTLE_MS = 180_000;
const MEDIA_SET = 30;
let world: World;
let platform: MarathonPlatform;

before(async () => {
  await removeLeftovers();
  world = await readWorld();
  platform = await openMarathonPlatform();
});
after(() => platform.close());

test('carna deploy brings up what carna marathon render makes of a values file', async () => {
  const file = await rendered(readFileSync(platform.valuesFile, 'utf8'));
  await carna('deploy', file, '--yes');
  await settled();
  assert.deepEqual(
    ROLES.map((role) => `${role} ${nodesOf(role).length}`),
    ['load-balancer 2', 'dispatcher 2', 'registrar 2', 'media 3', 'outbound 2'],
  );
  for (const node of allNodes()) await assertBound(node);
});

test('the same file once more changes nothing', async () => {
  const before_ = await startsOf(allNodes());
  await carna('deploy', await rendered(readFileSync(platform.valuesFile, 'utf8')), '--yes');
  assert.deepEqual(await startsOf(allNodes()), before_);
});

test('a registered user is called by another', async () => {
  const report = await callBetweenUsers(platform);
  assert.deepEqual(report.failed.map(told), []);
  assert.ok(report.completed > 0);
});

test('carna scale media 6: three nodes more take calls, none fails', async (t) => {
  const report = await underLoad(platform, async () => {
    await carna('scale', 'media', '6', '--yes');
    await settled();
    await untilCallsOn(media());
  });
  t.diagnostic(`${report.sent} calls`);
  assertNoneFailed(report);
  assert.deepEqual([...report.nodes].sort(), media().map(addressOf).sort());
  assert.equal(report.nodes.size, 6);
});

test('carna scale media 2: four nodes drain and go, two live on, no call fails', async (t) => {
  const nodes = media();
  const before_ = await startsOf(nodes);
  const report = await underLoad(platform, async () => {
    await untilCallsOn(nodes);
    await carna('scale', 'media', '2', '--yes');
    await settled();
  });
  t.diagnostic(`${report.sent} calls`);
  assertNoneFailed(report);
  const left = media();
  assert.equal(left.length, 2);
  for (const [id, start] of await startsOf(left)) assert.deepEqual(start, before_.get(id));
  assert.deepEqual(await activeMedia(), left.map(addressOf).sort());
  const gone = nodes.filter((node) => !left.some(({ nodeId }) => nodeId === node.nodeId));
  assert.deepEqual(await Promise.all(gone.map(containersOf)), gone.map(noContainers));
});

test('carna rollout dispatcher: both are replaced one by one, no call fails', async (t) => {
  const old = nodesOf('dispatcher').map(({ nodeId }) => nodeId);
  const values = readFileSync(platform.valuesFile, 'utf8');
  const file = await rendered(
    values.replace('CARNA_DOCKER_PULL: never', (same) => `${same}\n  CARNA_LOG_CALLS: "1"`),
  );
  const report = await underLoad(platform, async () => {
    await carna('rollout', 'dispatcher', file, '--yes');
    await settled();
  });
  t.diagnostic(`${report.sent} calls`);
  assertNoneFailed(report);
  const now = nodesOf('dispatcher');
  assert.equal(now.length, 2);
  assert.deepEqual(
    now.filter(({ nodeId }) => old.includes(nodeId)),
    [],
  );
  for (const node of now) {
    const { task } = await containersOf(node);
    assert.ok(((await inspect(task, '.Config.Env')) as string[]).includes('CARNA_LOG_CALLS=1'));
  }
});

test('a container host is lost and comes back: only calls that stood on it are lost', async (t) => {
  const [lost, other] = media();
  assert.ok(lost && other);
  const before_ = await startsOf([lost, other]);
  const hostname = lost.sip[0]?.host ?? '';
  const report = await underLoad(platform, async (load) => {
    await untilCallsOn([lost, other]);
    await platform.network.lose(hostname);
    platform.marathon.faults.loseHost(hostname);
    await until('its silence', async () => (media().length === 1 ? true : null));
    const inUse = [addressOf(other)].join();
    await until('its row out of use', async () => (await activeMedia()).join() === inUse || null);
    // Its calls are not the only ones that end meanwhile.
    await until('the loss of a call that stood on it', async () => load.failed() > 0 || null);
    await untilCallsOn([other], 100);
    await platform.network.giveBack(hostname);
    platform.marathon.faults.returnHost(hostname);
    await settled();
    await untilCallsOn([lost, other]);
  });
  const elsewhere = report.failed.filter(({ node }) => node !== addressOf(lost));
  t.diagnostic(`${report.sent} calls, ${report.failed.length} lost on ${hostname}`);
  assert.deepEqual(elsewhere.map(told), []);
  assert.deepEqual(await startsOf(media()), before_);
});

test('carna topology shows the node of every task, and Marathon’s answers fit its schemas', async () => {
  const { stdout } = await carna('topology', '--json');
  for (const { nodeId } of allNodes()) assert.ok(stdout.includes(nodeId), nodeId);
  assert.deepEqual(platform.marathon.problems, []);
});

test('at the end no container, volume, link or namespace is left', async () => {
  const { hosts, link } = platform.network;
  const namespaces = hosts.map(({ pid }) => namespaceOf(pid));
  assert.ok(namespaces.every((name) => livingNamespaces().has(name)));
  await platform.close();
  assert.deepEqual(await readWorld(), world);
  assert.equal(networkInterfaces()[link], undefined);
  const living = livingNamespaces();
  assert.ok(!namespaces.some((name) => living.has(name)));
});

/** Runs the command line; it must succeed. */
async function carna(...args: readonly string[]): Promise<Outcome> {
  const outcome = await platform.carna(...args);
  if (outcome.code !== 0) {
    const said = `carna ${args.join(' ')}: exit code ${outcome.code}\n${outcome.stdout}${outcome.stderr}`;
    throw new Error(`${said}\n${await platform.logs()}`);
  }
  return outcome;
}

/** The definitions of these values, in a file. */
async function rendered(values: string): Promise<string> {
  const dir = testDir('definitions');
  writeFileSync(join(dir, 'values.yaml'), values);
  const { stdout } = await carna('marathon', 'render', join(dir, 'values.yaml'));
  writeFileSync(join(dir, 'group.json'), stdout);
  return join(dir, 'group.json');
}

/** Waits until each task that Marathon has is a node in service, and every Kamailio runs the table. */
async function settled(): Promise<void> {
  const reply = await fetch(`${platform.marathon.url}/v2/tasks`);
  const { tasks } = (await reply.json()) as { tasks: { id: string; appId: string }[] };
  const names = tasks.filter(({ appId }) => !appId.endsWith('/reconciler')).map(({ id }) => id);
  try {
    await platform.seen.untilSettled(names, SETTLE_MS, new AbortController().signal);
  } catch (err) {
    throw new Error(await platform.logs(), { cause: err });
  }
}

const nodesOf = (role: Role): readonly NodeRecord[] => platform.nodesOf(role);
const media = (): readonly NodeRecord[] => nodesOf('media');
const allNodes = (): readonly NodeRecord[] => ROLES.flatMap(nodesOf);

interface Containers {
  readonly task: string;
  readonly server: string;
}

const noContainers = (): Containers => ({ task: '', server: '' });

async function containersOf({ nodeId }: NodeRecord): Promise<Containers> {
  const find = (label: string): Promise<string> =>
    docker('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=${label}=${nodeId}`);
  return { task: await find('MESOS_TASK_ID'), server: await find('carna.task') };
}

/** Its server shares network and processes with the agent's container, which is on the host's network. */
async function assertBound(node: NodeRecord): Promise<void> {
  const { task, server } = await containersOf(node);
  const { NetworkMode, PidMode } = (await inspect(server, '.HostConfig')) as Record<string, string>;
  assert.deepEqual([NetworkMode, PidMode], [`container:${task}`, `container:${task}`]);
  assert.equal(await inspect(server, '.Config.User'), '10001:10001');
}

/** When agent and server of each node were started: the same value, the same processes. */
async function startsOf(nodes: readonly NodeRecord[]): Promise<ReadonlyMap<string, unknown>> {
  const starts = nodes.map(async (node): Promise<[string, unknown]> => {
    const { task, server } = await containersOf(node);
    const times = [task, server].map((id) => inspect(id, '.State.StartedAt'));
    return [node.nodeId, await Promise.all(times)];
  });
  return new Map((await Promise.all(starts)).sort());
}

/** `host:port` of the rows in use of the media set. */
async function activeMedia(): Promise<readonly string[]> {
  const rows = await platform.seen.store.query<{ destination: string }>({
    text: 'SELECT destination FROM dispatcher WHERE setid = $1 AND flags = 8',
    values: [MEDIA_SET],
  });
  return rows.map(({ destination }) => destination.replace(/^sips?:|;.*$/g, '')).sort();
}

function assertNoneFailed(report: LoadReport): void {
  assert.deepEqual(report.failed.map(told), []);
  assert.ok(report.sent > 0);
}
