import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/util/wait.js';
import type { TaskSpec } from './driver.js';
import { startMinimarathon } from './minimarathon.js';
import { ProcessDriver } from './process-driver.js';
import { FAST, hosts, PATIENCE_MS, Rig, sleeper } from './support.js';
import { MemoryDriver } from './memory-driver.js';

const node = (script: string): readonly string[] => [process.execPath, '-e', script];

const spec = (command: readonly string[] | null): TaskSpec => ({
  taskId: 't',
  appId: '/a',
  hostname: 'h1',
  env: { HOST: 'h1' },
  image: 'ignored',
  command,
  parameters: [],
  volumes: [],
  labels: {},
  cpus: 1,
  mem: 1,
});

/** A process that counts its SIGTERMs aloud and ignores them. */
const TRAP = `
let n = 0;
process.on('SIGTERM', () => console.log('TERM ' + ++n));
setInterval(() => undefined, 1000);
console.log('ready');
`;

const ended = async (pid: number): Promise<void> =>
  waitUntil(`${pid} is gone`, PATIENCE_MS, () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });

test('SIGTERM comes as often as it is sent, and the first deadline kills', async () => {
  const driver = new ProcessDriver();
  const task = await driver.launch(spec(node(TRAP)));
  const said = async (line: string): Promise<void> =>
    waitUntil(line, PATIENCE_MS, () => driver.outputOf('t').includes(line));
  await said('ready');
  void task.stop(2_000);
  await said('TERM 1');
  void task.stop(3_600_000);
  await said('TERM 2');
  assert.deepEqual(await task.ended, { exitCode: null, signal: 'SIGKILL' });
  await driver.close();
});

test('only the first process gets SIGTERM, and nothing outlives it', async () => {
  const driver = new ProcessDriver();
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(TRAP)}], { stdio: 'inherit' });
    process.on('SIGTERM', () => setTimeout(() => process.exit(7), 50));
    console.log('child ' + child.pid);
  `;
  const task = await driver.launch(spec(node(script)));
  await waitUntil('both run', PATIENCE_MS, () => driver.outputOf('t').length === 2);
  const pid = Number(/child (\d+)/.exec(driver.outputOf('t').join('\n'))?.[1]);
  await task.stop(60_000);
  assert.deepEqual(await task.ended, { exitCode: 7, signal: null });
  await ended(pid);
  assert.ok(!driver.outputOf('t').includes('TERM 1'));
  await driver.close();
});

test('a task sees its own environment and PATH alone', async () => {
  const driver = new ProcessDriver();
  await driver.launch(spec(['/bin/sh', '-c', 'env; exec sleep 1000']));
  await waitUntil('printed', PATIENCE_MS, () => driver.outputOf('t').includes('HOST=h1'));
  const names = driver.outputOf('t').map((line) => line.split('=')[0]);
  assert.ok(names.includes('PATH'));
  assert.ok(!names.includes('HOME'));
  await driver.close();
});

test('what cannot be started is an error, and so is a task without a command', async () => {
  const driver = new ProcessDriver();
  await assert.rejects(driver.launch(spec(['/nonexistent/program'])), /ENOENT/);
  await assert.rejects(driver.launch(spec(null)), /needs a command/);
  await driver.close();
});

test('Marathon sends the kill again and again, and ends with nothing left behind', async () => {
  const driver = new ProcessDriver();
  const marathon = await startMinimarathon({
    driver,
    hosts: hosts(1),
    listen: { host: '127.0.0.1', port: 0 },
    timing: { ...FAST, killRetryMs: 20 },
  });
  const rig = new Rig(marathon, new MemoryDriver());
  try {
    const app = {
      ...sleeper('/a'),
      cmd: null,
      args: node(TRAP),
      taskKillGracePeriodSeconds: 100_000,
    };
    await rig.settle('POST', '/v2/apps', app, 201);
    const [id = ''] = await rig.taskIds('/a');
    await rig.until('ready', async () => driver.outputOf(id).includes('ready'));
    await rig.change('PUT', '/v2/apps/a', { instances: 0 });
    await rig.until('a third time', async () => driver.outputOf(id).includes('TERM 3'));
    assert.equal((await rig.taskIds('/a')).length, 1);
  } finally {
    await marathon.close();
  }
  assert.deepEqual(marathon.problems, []);
});
