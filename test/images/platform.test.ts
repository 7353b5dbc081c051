import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { docker, exitCodeOf, inspect, until } from './support/docker.js';
import type { ContainerPlatform } from './support/container-platform.js';
import { openContainerPlatform } from './support/container-platform.js';

/** The whole platform in containers; each test goes on where the one before ended. */
const NET = `127.${200 + (process.pid % 50)}`;
const SETTLE_MS = 90_000;
let platform: ContainerPlatform;

before(async () => {
  platform = await openContainerPlatform(NET);
  await settled(platform.nodes.map((node) => node.name));
});
after(() => platform.close());

/** Waits until these nodes are up and every Kamailio runs the table; the logs tell why when they are not. */
async function settled(names: readonly string[]): Promise<void> {
  try {
    await platform.seen.untilSettled(names, SETTLE_MS, new AbortController().signal);
  } catch (err) {
    throw new Error(await platform.logs(), { cause: err });
  }
}

async function onlyServerOf(name: string): Promise<string> {
  const servers = await platform.serversOf(name);
  assert.equal(servers.length, 1, `containers of ${name}`);
  return servers[0] ?? '';
}

/** The agent's process as the host sees it: the child of the loop. */
async function agentPid(name: string): Promise<number | null> {
  const top = await docker('top', platform.containerOf(name), '-eo', 'pid,args');
  const line = top.split('\n').find((one) => /\bnode \S*carna agent$/.test(one.trim()));
  return line === undefined ? null : Number.parseInt(line, 10);
}

const hasRecord = (name: string): boolean => platform.seen.view.nodes().nodes.has(name);

const gone = (name: string): Promise<true> =>
  until(`no server and no record of ${name}`, async () =>
    (await platform.serversOf(name)).length === 0 && !hasRecord(name) ? true : null,
  );

test('every server runs in a container bound to its agent, as user 10001', async () => {
  for (const node of platform.nodes) {
    const server = await onlyServerOf(node.name);
    const agentId = (await inspect(platform.containerOf(node.name), '.Id')) as string;
    const host = (await inspect(server, '.HostConfig')) as Record<string, unknown>;
    assert.equal(host['PidMode'], `container:${agentId}`);
    assert.match(String(host['CgroupParent']), new RegExp(`${agentId}$`));
    assert.equal(await inspect(server, '.Config.User'), '10001:10001');
    assert.equal(
      (await inspect(platform.containerOf(node.name), '.State.Health.Status')) === 'unhealthy',
      false,
    );
  }
});

test('calls go through load-balancer, dispatcher and every media node', async () => {
  const report = await platform.call(20, 3, 300).result;
  assert.equal(report.completed, report.sent);
  assert.ok(report.sent > 0);
  assert.equal(report.nodes.length, 3);
});

for (const name of ['media-1', 'dispatcher-1']) {
  test(`the agent of ${name} is killed: no call is lost, the next agent adopts the server`, async () => {
    const server = await onlyServerOf(name);
    const before_ = await inspect(server, '.State');
    const instance = platform.seen.instanceOf(name);
    const pid = await agentPid(name);
    assert.ok(pid !== null, `the agent of ${name} runs`);
    const calls = platform.call(20, 8, 500);
    process.kill(pid, 'SIGKILL');
    await until('another agent', async () => {
      const now = await agentPid(name);
      return now !== null && now !== pid ? now : null;
    });
    await settled([name]);
    const report = await calls.result;
    assert.equal(report.completed, report.sent, JSON.stringify(report.failed.slice(0, 3)));
    assert.deepEqual(await inspect(server, '.State'), before_);
    assert.equal(await onlyServerOf(name), server);
    assert.equal(platform.seen.instanceOf(name), instance);
    assert.equal(await inspect(platform.containerOf(name), '.State.Running'), true);
  });
}

test('a stopped agent drains: no call is lost, server and record are gone, exit code 0', async () => {
  const name = 'media-3';
  const calls = platform.call(20, 6, 2_000);
  await until('calls on it', async () => {
    const { calls: count } = (await healthOf(name)) as { calls?: number };
    return (count ?? 0) > 0 ? true : null;
  });
  await docker('kill', '--signal', 'SIGTERM', platform.containerOf(name));
  await docker('kill', '--signal', 'SIGTERM', platform.containerOf(name));
  assert.equal(await exitCodeOf(platform.containerOf(name)), 0);
  await gone(name);
  const report = await calls.result;
  assert.equal(report.completed, report.sent, JSON.stringify(report.failed.slice(0, 3)));
});

test('the container of an agent is killed: its server dies with it and leaves nothing', async (t) => {
  const name = 'media-2';
  const server = await onlyServerOf(name);
  const pid = (await inspect(server, '.State.Pid')) as number;
  const killedAt = performance.now();
  await docker('kill', '--signal', 'SIGKILL', platform.containerOf(name));
  await until('the end of the server', async () => (isAlive(pid) ? null : true));
  t.diagnostic(`the server was gone ${Math.round(performance.now() - killedAt)} ms after the kill`);
  await gone(name);
  await settled(['lb-1', 'dispatcher-1', 'media-1']);
  const report = await platform.call(20, 2, 200).result;
  assert.equal(report.completed, report.sent);
  assert.deepEqual(
    report.nodes.map(({ node }) => node),
    [`${NET}.30.1:5060`],
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function healthOf(name: string): Promise<object> {
  const node = platform.nodes.find((one) => one.name === name);
  const reply = await fetch(`http://${node?.http.host}:${node?.http.port}/healthz`);
  return (await reply.json()) as object;
}
