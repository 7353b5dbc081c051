import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dockerDriver } from '../minimarathon/docker-driver.js';
import type { RunningTask, TaskDriver, TaskSpec } from '../minimarathon/driver.js';
import { testDir } from '../support/resources.js';
import { docker, dockerOutcome, imageOf, inspect, until } from './support/docker.js';
import type { HostNetwork } from './support/hosts.js';
import { openHosts } from './support/hosts.js';

const LABEL = `carna.driver-test=${process.pid}`;
const ASK_LIMIT_MS = 1_000;
const FOREVER_MS = 600_000;
const PORT = '7001';
/** Answers HTTP with CODE, counts SIGTERMs, ends with 7 at the one that is number LAST. */
const TASK = `let heard = 0;
process.on('SIGTERM', () => { console.log('SIGTERM'); heard += 1; if (heard === Number(process.env.LAST)) process.exit(7); });
require('node:http').createServer((_, reply) => { reply.statusCode = Number(process.env.CODE); reply.end(); })
  .listen(Number(process.env.PORT), '0.0.0.0', () => console.log('ready'));`;
let network: HostNetwork;
let driver: TaskDriver;
let volumesBefore: readonly string[];

before(async () => {
  network = await openHosts(2);
  volumesBefore = await volumes();
  driver = dockerDriver({ hosts: network.hosts, dir: testDir('sandboxes'), label: LABEL });
});
after(async () => {
  await driver.close();
  await network.close();
});

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');
const volumes = async (): Promise<readonly string[]> => linesOf(await docker('volume', 'ls', '-q'));
const containers = async (): Promise<readonly string[]> =>
  linesOf(await docker('ps', '--all', '--quiet', '--filter', `label=${LABEL}`));

let tasks = 0;

function specOf(env: Readonly<Record<string, string>>, more: Partial<TaskSpec> = {}): TaskSpec {
  return {
    taskId: `driver_test.instance-${++tasks}._app.1`,
    appId: '/driver/test',
    hostname: network.hosts[0]?.hostname ?? '',
    env: { CODE: '200', PORT, LAST: '1', ...env },
    image: imageOf('carna'),
    command: ['-e', TASK],
    parameters: [
      { key: 'init', value: 'true' },
      { key: 'entrypoint', value: 'node' },
    ],
    volumes: [],
    labels: {},
    cpus: 0.1,
    mem: 128,
    ...more,
  };
}

const containerOf = (spec: TaskSpec): Promise<string> =>
  docker('ps', '--all', '--quiet', '--no-trunc', '--filter', `label=MESOS_TASK_ID=${spec.taskId}`);

async function launched(spec: TaskSpec): Promise<{ task: RunningTask; container: string }> {
  const task = await driver.launch(spec);
  const container = await containerOf(spec);
  await until('the task', async () => ((await said(container)).includes('ready') ? true : null));
  return { task, container };
}

const said = async (container: string): Promise<readonly string[]> =>
  linesOf((await dockerOutcome(['logs', container])).stdout);

async function nothingLeft(): Promise<void> {
  await until('the end of all containers', async () => (await containers()).length === 0 || null);
  assert.deepEqual(await volumes(), volumesBefore);
}

test('a task gets what its definition says, and no value of it stands in a command line', async () => {
  const { task, container } = await launched(specOf({ SECRET: 'very secret' }));
  const env = (await inspect(container, '.Config.Env')) as string[];
  assert.ok(env.includes('SECRET=very secret'));
  assert.ok(env.some((entry) => entry.startsWith('MESOS_CONTAINER_NAME=mesos-')));
  const host = (await inspect(container, '.HostConfig')) as Record<string, unknown>;
  assert.deepEqual([host['Init'], host['Memory'], host['CpuShares']], [true, 128 * 2 ** 20, 102]);
  await task.kill();
  await nothingLeft();
});

test('a task that drains at SIGTERM ends with its own code and leaves nothing', async () => {
  const { task } = await launched(specOf({}));
  await task.stop(FOREVER_MS);
  assert.deepEqual(await task.ended, { exitCode: 7, signal: null });
  await nothingLeft();
  await task.stop(FOREVER_MS);
  await task.kill();
});

test('SIGTERM is said again at each stop, and the first deadline kills', async () => {
  const { task, container } = await launched(specOf({ LAST: '1000' }));
  const times = async (count: number): Promise<true> =>
    until(`SIGTERM number ${count}`, async () =>
      (await said(container)).filter((line) => line === 'SIGTERM').length === count ? true : null,
    );
  const first = task.stop(8_000);
  await times(1);
  const second = task.stop(FOREVER_MS);
  await times(2);
  await Promise.all([first, second]);
  assert.deepEqual(await task.ended, { exitCode: 137, signal: null });
  await nothingLeft();
});

test('its health is asked inside its host’s network, also of a lost host', async () => {
  const [first, second] = network.hosts;
  assert.ok(first && second);
  const one = await launched(specOf({}, { hostname: first.hostname }));
  const other = await launched(specOf({ CODE: '503' }, { hostname: second.hostname }));
  const statuses = (): Promise<readonly (number | null)[]> =>
    Promise.all([one, other].map(({ task }) => task.httpStatus(7_001, '/', ASK_LIMIT_MS)));
  assert.deepEqual(await statuses(), [200, 503]);
  await network.lose(first.hostname);
  assert.deepEqual(await statuses(), [200, 503]);
  await network.giveBack(first.hostname);
  assert.equal(await one.task.httpStatus(7_002, '/', ASK_LIMIT_MS), null);
  await one.task.kill();
  assert.equal(await one.task.httpStatus(7_001, '/', ASK_LIMIT_MS), null);
  await driver.close();
  await nothingLeft();
});

test('volumes: a folder of the host, and one of the sandbox', async () => {
  const folder = testDir('shared');
  const script = `require('node:fs').statSync('/shared'); console.log('ready'); setInterval(() => {}, 1000)`;
  const spec = specOf(
    {},
    {
      command: ['-e', script],
      volumes: [
        { hostPath: folder, containerPath: '/shared', mode: 'RO' },
        { hostPath: 'run', containerPath: '/run/carna', mode: 'RW' },
      ],
    },
  );
  const { task, container } = await launched(spec);
  const mounts = (await inspect(container, '.Mounts')) as { Destination: string; RW: boolean }[];
  const of = (path: string): unknown => mounts.find((mount) => mount.Destination === path);
  assert.deepEqual(
    [(of('/shared') as { RW: boolean }).RW, (of('/run/carna') as { RW: boolean }).RW],
    [false, true],
  );
  await task.kill();
  await nothingLeft();
});

test('a task whose container cannot start is told, and leaves nothing', async () => {
  await assert.rejects(
    driver.launch(
      specOf({}, { command: ['/x'], parameters: [{ key: 'entrypoint', value: '/no/such' }] }),
    ),
  );
  await assert.rejects(driver.launch(specOf({}, { hostname: 'elsewhere' })), RangeError);
  await assert.rejects(driver.launch(specOf({ A: 'b\nc' })), RangeError);
  await nothingLeft();
});
