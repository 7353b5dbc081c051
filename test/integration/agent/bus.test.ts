import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import type { BusPeer } from './bus-peer.js';
import { LIMIT_MS } from './bus-peer.js';
import { BusPlatform } from './bus-platform.js';

/** Long enough to see a member gone before it comes back. */
const SLOW_RESTART = { CARNA_RESTART_MIN_MS: '4000', CARNA_RESTART_MAX_MS: '5000' };

let platform: BusPlatform;
let one: BusPeer, two: BusPeer, three: BusPeer;

before(async () => {
  platform = await BusPlatform.open();
  one = await platform.node(1, 'registrar');
  two = await platform.node(2, 'registrar', SLOW_RESTART);
  three = await platform.node(3, 'outbound');
});
after(() => platform.close());

test('two that start at the same moment know nobody, and become one bus', async (t) => {
  await Promise.all([one.start(), two.start()]);
  await Promise.all([one.up(), two.up()]);
  await one.untilMembers('2 active');
  await two.untilMembers('1 active');
  await one.register('early', 100);
  await two.untilContacts(100);
  t.diagnostic(`first: ${(await one.health())?.bus?.sync ?? ''}`);
});

test('a newcomer is published as up with all contacts, and not before', async (t) => {
  await three.start();
  assert.equal(await three.up(), 100);
  assert.match((await three.health())?.bus?.sync ?? '', /^synced in \d+ ms: 100 here, 100 on/);
  t.diagnostic((await three.health())?.bus?.sync ?? '');
  await one.untilMembers('2 active, 3 active');
  await three.untilMembers('1 active, 2 active');
});

test('a server that dies is removed by the others, and comes back with its contacts', async (t) => {
  const atMs = performance.now();
  await two.killServer();
  await Promise.all([one.untilMembers('3 active'), three.untilMembers('1 active')]);
  t.diagnostic(`removed on both others after ${Math.round(performance.now() - atMs)} ms`);
  await one.register('late', 100);
  await three.untilContacts(200);
  assert.equal(await two.up(), 200);
  t.diagnostic((await two.health())?.bus?.sync ?? '');
  await one.untilMembers('2 active, 3 active');
  await two.untilMembers('1 active, 3 active');
  await two.register('again', 10);
  await Promise.all([one.untilContacts(210), three.untilContacts(210)]);
});

test('a member whose agent alone is gone stays, and is taken over without a gate', async () => {
  await two.killAgent();
  await untilUnspokenFor(one, two);
  assert.equal(await one.members(), '2 active, 3 active');
  await one.register('meanwhile', 10);
  await two.untilContacts(220);
  await two.start();
  await two.up();
  assert.equal((await two.health())?.server.isAdopted, true);
  assert.equal(await two.contacts(), 220);
});

test('without ZooKeeper nobody is removed, nor afterwards when the server lives', async () => {
  await platform.stopZookeeper();
  await waitUntil('the registry is lost', LIMIT_MS, async () => {
    return (await one.health())?.registry !== 'connected';
  });
  await two.killAgent();
  const before = await removals(one);
  await one.register('dark', 10);
  await Promise.all([two.untilContacts(230), three.untilContacts(230)]);
  assert.equal(await one.members(), '2 active, 3 active');
  assert.equal(await removals(one), before);
  await platform.startZookeeper();
  await one.up();
  await untilUnspokenFor(one, two);
  assert.equal(await one.members(), '2 active, 3 active');
  assert.equal(await removals(one), before);
  await two.start();
  await two.up();
});

test('two islands that both took registrations become one, and both know all', async (t) => {
  for (const peer of [one, two, three]) peer.signalAgent('SIGSTOP');
  for (const peer of [one, three]) {
    await peer.forget(two);
    await two.forget(peer);
  }
  await one.register('west', 300);
  await two.register('east', 200);
  await three.untilContacts(530);
  assert.equal(await two.contacts(), 430);
  const atMs = performance.now();
  for (const peer of [one, two, three]) peer.signalAgent('SIGCONT');
  await Promise.all([one, two, three].map((peer) => peer.untilContacts(730)));
  t.diagnostic(`one again after ${Math.round(performance.now() - atMs)} ms`);
  await one.untilMembers('2 active, 3 active');
  await two.untilMembers('1 active, 3 active');
  await three.untilMembers('1 active, 2 active');
});

test('a server that hangs is removed, and is up again with what it missed', async (t) => {
  await two.signalServer('SIGSTOP');
  await waitUntil('it is down', LIMIT_MS, async () => (await two.health())?.state === 'down');
  await one.untilMembers('3 active');
  await one.register('missed', 50);
  await two.signalServer('SIGCONT');
  assert.equal(await two.up(), 780);
  t.diagnostic((await two.health())?.bus?.sync ?? '');
  await one.untilMembers('2 active, 3 active');
});

test('a host that is lost with its agent is removed when its session has ended', async (t) => {
  const atMs = performance.now();
  await two.loseHost();
  await Promise.all([one.untilMembers('3 active'), three.untilMembers('1 active')]);
  t.diagnostic(`removed after ${Math.round(performance.now() - atMs)} ms, session 1000 ms`);
});

/** Waits for two looks at the registry in which nobody speaks for `other`. */
async function untilUnspokenFor(seer: BusPeer, other: BusPeer): Promise<void> {
  await waitUntil(`${other.host} is not registered`, LIMIT_MS, async () => {
    return !(await platform.registered()).some((id) => id.endsWith(other.host));
  });
  const passes = await sample(seer, 'carna_agent_bus_passes_total');
  await waitUntil('two more looks', LIMIT_MS, async () => {
    return (await sample(seer, 'carna_agent_bus_passes_total')) >= passes + 2;
  });
}

async function removals(peer: BusPeer): Promise<number> {
  return sample(peer, 'carna_agent_bus_removals_total');
}

async function sample(peer: BusPeer, name: string): Promise<number> {
  const line = (await peer.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}
