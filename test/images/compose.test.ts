import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCalls } from '../../src/lab/calls/calls.js';
import type { CallRun } from '../../src/lab/calls/calls.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import type { ComposePlatform } from './support/compose.js';
import { openComposePlatform } from './support/compose.js';
import type { Outcome } from './support/docker.js';
import { docker, inspect, until } from './support/docker.js';

/** The platform of images/compose.yaml, as its README tells; each test goes on where the one before ended. */
const NET = `127.${150 + (process.pid % 50)}`;
const NODES = [
  'dispatcher-1',
  'dispatcher-2',
  'load-balancer-1',
  'media-1',
  'media-2',
  'outbound-1',
  'registrar-1',
];
const RECONCILERS = ['reconciler-1', 'reconciler-2'];
const CALLER = `${NET}.0.9`;
/** Sixteen containers start at once, and the machine may be busy. */
const UP_LIMIT_MS = 180_000;
let platform: ComposePlatform;

before(async () => {
  platform = await openComposePlatform(NET);
});
after(async () => {
  await platform.compose('kill');
  await platform.compose('down', '--volumes', '--remove-orphans');
  await platform.close();
});

/** The outcome of a command that must succeed. */
async function good(of: Promise<Outcome>): Promise<Outcome> {
  const found = await of;
  assert.equal(found.code, 0, `${found.stdout}${found.stderr}`);
  return found;
}

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

async function containerOf(service: string): Promise<string> {
  const { stdout } = await good(platform.compose('ps', '--quiet', service));
  const ids = linesOf(stdout);
  assert.equal(ids.length, 1, `containers of ${service}`);
  return ids[0] ?? '';
}

/** Ids of the containers that agents started, running or not. */
async function serversOf(...agents: readonly string[]): Promise<readonly string[]> {
  const labels = agents.map((id) => docker('ps', '-aq', '--filter', `label=carna.owner=${id}`));
  return (await Promise.all(labels)).flatMap(linesOf);
}

async function nodesUp(): Promise<readonly string[]> {
  const { stdout } = await platform.carna('nodes', '--state', 'up', '--json');
  const { nodes = [] } = (stdout === '' ? {} : JSON.parse(stdout)) as {
    nodes?: readonly { readonly nodeId: string }[];
  };
  return nodes.map(({ nodeId }) => nodeId).sort();
}

async function untilUp(wanted: readonly string[]): Promise<void> {
  try {
    await waitUntil(`${wanted.join(', ')} up`, UP_LIMIT_MS, async () => {
      const up = await nodesUp();
      return wanted.every((name) => up.includes(name));
    });
  } catch (err) {
    const { stdout } = await platform.compose('logs', '--no-color', '--tail', '30');
    throw new Error(stdout, { cause: err });
  }
}

const call = (rate: number, seconds: number, callMs: number): CallRun =>
  startCalls({
    ...{ target: { host: platform.host, port: 5060 }, localHost: CALLER, rate, callMs },
    ...{ amount: { seconds }, runDir: testDir('calls'), env: process.env },
  });

test('one command brings every role up', async () => {
  await good(platform.compose('up', '--detach', '--no-color'));
  await untilUp(NODES);
  assert.deepEqual(await nodesUp(), NODES);
});

test('tables, logins and znodes come from the service init, and once more harms nothing', async () => {
  const init = await containerOf('init');
  assert.equal(await inspect(init, '.State.ExitCode'), 0);
  const { stdout } = await good(platform.compose('run', '--rm', '-T', 'init'));
  assert.match(stdout, /^database {3}up to date$/m);
  assert.match(stdout, /^login {6}kamailio_load_balancer \(carna_load_balancer\)$/m);
});

test('the commands run in a container beside it', async () => {
  const add = ['trunk', 'add', 'caller', '--to', `sip:${CALLER}`, '--source'];
  await good(platform.compose('run', '--rm', '-T', 'carna', ...add));
  const { stdout } = await good(platform.compose('run', '--rm', '-T', 'carna', 'topology'));
  for (const name of NODES) assert.match(stdout, new RegExp(`\\b${name}\\b`));
});

test('calls go through, none fails', async () => {
  const report = await call(10, 5, 500).result;
  assert.deepEqual(report.failed, []);
  assert.equal(report.completed, report.sent);
  assert.ok(report.sent > 0);
  const served = report.nodes.map(({ node }) => node).sort();
  assert.deepEqual(served, [`${platform.host}:5070`, `${platform.host}:5071`]);
});

test('the engine starts no server again by itself: its agent does', async () => {
  const media = await containerOf('media-1');
  const [server = ''] = await serversOf(media);
  const policy = (await inspect(server, '.HostConfig.RestartPolicy')) as { Name: string };
  assert.match(policy.Name, /^(?:no)?$/);
  await docker('kill', server);
  await until('another server', async () => {
    const [next] = await serversOf(media);
    return next !== undefined && next !== server ? next : null;
  });
  await untilUp(NODES);
});

test('a service that is stopped under load drains: no call fails, and it stays stopped', async () => {
  const media = await containerOf('media-2');
  const calls = call(10, 12, 3_000);
  await until('calls on it', async () => ((await callsOn(32)) > 0 ? true : null));
  await good(platform.compose('stop', 'media-2'));
  assert.equal(await inspect(media, '.State.ExitCode'), 0);
  assert.deepEqual(await serversOf(media), []);
  const report = await calls.result;
  assert.deepEqual(report.failed, []);
  assert.equal(report.completed, report.sent);
  assert.ok(report.nodes.some(({ node }) => node === `${platform.host}:5071`));
  assert.equal(await inspect(media, '.State.Status'), 'exited');
});

test('it comes back by the same command as at first', async () => {
  await good(platform.compose('up', '--detach', '--no-color'));
  await untilUp(NODES);
});

interface Inspected {
  readonly Name: string;
  readonly State: { readonly Health?: { readonly Status: string } };
  readonly Config: { readonly User: string; readonly Env: readonly string[] };
  readonly HostConfig: { readonly ReadonlyRootfs: boolean; readonly NetworkMode: string };
}

/** All of a platform at once: each question of its own would take most of the test's time. */
async function daemons(): Promise<readonly Inspected[]> {
  const ids = linesOf(
    (await good(platform.compose('ps', '--quiet', ...NODES, ...RECONCILERS))).stdout,
  );
  assert.equal(ids.length, NODES.length + RECONCILERS.length);
  return JSON.parse(await docker('inspect', ...ids)) as readonly Inspected[];
}

test('every daemon runs unprivileged on a file system that it cannot write, and gets healthy', async () => {
  for (const { Name, Config, HostConfig } of await daemons()) {
    assert.equal(HostConfig.ReadonlyRootfs, true, Name);
    assert.equal(HostConfig.NetworkMode, 'host', Name);
    assert.equal(Config.User, '10001:10001', Name);
  }
  await until('all of them healthy', async () => {
    const all = await daemons();
    return all.every(({ State }) => State.Health?.Status === 'healthy') ? true : null;
  });
});

test('no secret stands in the environment of a daemon', async () => {
  for (const { Name, Config } of await daemons()) {
    for (const entry of Config.Env) {
      assert.doesNotMatch(entry, /:\/\/[^/\s]*:[^/\s]*@/, Name);
      assert.doesNotMatch(entry, /^CARNA_(?:ESL_PASSWORD|ROUTE_SECRET|ZOOKEEPER_AUTH)=./, Name);
    }
  }
});

test('down leaves no container, volume or network', async () => {
  const agents = await Promise.all(NODES.map(containerOf));
  const ours = `label=com.docker.compose.project=${platform.project}`;
  await good(platform.compose('down', '--volumes'));
  assert.deepEqual(await serversOf(...agents), []);
  assert.equal(await docker('ps', '-aq', '--filter', ours), '');
  assert.equal(await docker('volume', 'ls', '-q', '--filter', ours), '');
  assert.equal(await docker('network', 'ls', '-q', '--filter', ours), '');
});

/** Calls that the agent at this last number of its address counts. */
async function callsOn(last: number): Promise<number> {
  const reply = await fetch(`http://${NET}.5.${last}:9100/healthz`);
  return ((await reply.json()) as { calls?: number }).calls ?? 0;
}
