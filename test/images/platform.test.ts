import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { docker, exitCodeOf, inspect, until } from './support/docker.js';
import type { CallReport } from '../../src/lab/calls/report.js';
import type { ContainerPlatform } from './support/container-platform.js';
import { openContainerPlatform } from './support/container-platform.js';

/** The whole platform in containers; each test goes on where the one before ended. */
const NET = `127.${200 + (process.pid % 50)}`;
const SETTLE_MS = 90_000;
const HEALTHCHECK = '/opt/carna/image/healthcheck.js';
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

/** Resolves when another process than `pid` is the agent and answers. */
async function nextAgent(name: string, pid: number): Promise<void> {
  await until(`another agent of ${name}`, async () => {
    const now = await agentPid(name);
    return now !== null && now !== pid ? now : null;
  });
  await until(`an answer of it`, () => healthOf(name).catch(() => null));
}

/** What it publishes; null when nothing. */
const stateOf = (name: string): string | null =>
  platform.seen.view.nodes().nodes.get(name)?.record.state ?? null;

const gone = (name: string): Promise<true> =>
  until(`no server and no record of ${name}`, async () =>
    (await platform.serversOf(name)).length === 0 && stateOf(name) === null ? true : null,
  );

test('every server runs in a container bound to its agent, as user 10001', async () => {
  for (const node of platform.nodes) {
    const server = await onlyServerOf(node.name);
    const agentId = (await inspect(platform.containerOf(node.name), '.Id')) as string;
    const host = (await inspect(server, '.HostConfig')) as Record<string, unknown>;
    assert.equal(host['PidMode'], `container:${agentId}`);
    assert.match(String(host['CgroupParent']), new RegExp(`${agentId}$`));
    assert.equal(await inspect(server, '.Config.User'), '10001:10001');
    await docker('exec', platform.containerOf(node.name), 'node', HEALTHCHECK);
  }
});

test('calls go through load-balancer, dispatcher and every media node', async () => {
  const report = await platform.call(10, 4, 300).result;
  assert.equal(report.completed, report.sent);
  assert.ok(report.sent > 0);
  assert.equal(report.nodes.length, 4);
});

for (const name of ['media-1', 'dispatcher-1']) {
  test(`the agent of ${name} is killed: no call is lost, the next agent adopts the server`, async () => {
    const server = await onlyServerOf(name);
    const before_ = await inspect(server, '.State');
    const instance = platform.seen.instanceOf(name);
    const pid = await agentPid(name);
    assert.ok(pid !== null, `the agent of ${name} runs`);
    const calls = platform.call(10, 8, 500);
    process.kill(pid, 'SIGKILL');
    await nextAgent(name, pid);
    await settled([name]);
    assertNoneLost(name, await calls.result);
    assert.deepEqual(await inspect(server, '.State'), before_);
    assert.equal(await onlyServerOf(name), server);
    assert.equal(platform.seen.instanceOf(name), instance);
    assert.equal(await inspect(platform.containerOf(name), '.State.Running'), true);
  });
}

for (const [name, isKilled] of [
  ['media-3', false],
  ['media-4', true],
] as const) {
  const how = isKilled ? 'and is killed meanwhile' : 'though it is told so twice';
  test(`a stopped agent drains, ${how}: no call is lost, nothing is left, exit code 0`, async () => {
    const container = platform.containerOf(name);
    await until('the end of older calls', async () => (await healthOf(name)).calls === 0 || null);
    const calls = platform.call(10, 6, 4_000);
    await until('calls on it', async () => ((await healthOf(name)).calls ?? 0) > 0 || null);
    const pid = await agentPid(name);
    await docker('kill', '--signal', 'SIGTERM', container);
    await until('its drain', async () => stateOf(name) === 'draining' || null);
    if (isKilled && pid !== null) process.kill(pid, 'SIGKILL');
    else await docker('kill', '--signal', 'SIGTERM', container);
    assert.equal(await exitCodeOf(container), 0);
    await gone(name);
    assertNoneLost(name, await calls.result);
  });
}

test('the container of an agent is killed: its server dies with it and leaves nothing', async (t) => {
  const name = 'media-2';
  const server = await onlyServerOf(name);
  const pid = (await inspect(server, '.State.Pid')) as number;
  const killedAt = performance.now();
  await docker('kill', '--signal', 'SIGKILL', platform.containerOf(name));
  await until('the end of the server', async () => (isAlive(pid) ? null : true));
  t.diagnostic(`the server was gone ${Math.round(performance.now() - killedAt)} ms after the kill`);
  await gone(name);
  await settled(['lb-1', 'dispatcher-1', 'dispatcher-2', 'media-1']);
  const report = await platform.call(10, 2, 200).result;
  assert.equal(report.completed, report.sent);
  assert.deepEqual(
    report.nodes.map(({ node }) => node),
    [`${NET}.30.1:5060`],
  );
});

/** No call failed, anywhere, and the node had some of them when it is one that answers calls. */
function assertNoneLost(name: string, report: CallReport): void {
  const sip = platform.nodes.find((node) => node.name === name && node.esl !== null)?.sip;
  const there = sip === undefined ? null : `${sip.host}:${sip.port}`;
  assert.deepEqual(report.failed, []);
  const served = report.nodes.filter(({ node }) => there === null || node === there);
  assert.ok(
    served.some(({ answered }) => answered > 0),
    `${name} had calls`,
  );
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function healthOf(name: string): Promise<{ readonly calls?: number }> {
  const node = platform.nodes.find((one) => one.name === name);
  const reply = await fetch(`http://${node?.http.host}:${node?.http.port}/healthz`);
  return (await reply.json()) as { calls?: number };
}
