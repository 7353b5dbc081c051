import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { livingMembers, readProcess } from '../../../src/agent/runtime/process-group.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import type { RunningServer, ServerRuntime } from '../../../src/agent/runtime/runtime.js';
import { readServerFile, writeServerFile } from '../../../src/agent/runtime/server-file.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { ServerStartError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { silentLog } from '../../agent/support/fakes.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { KamailioFixture } from './kamailio-fixture.js';
import { answersOptions, kamailioFixture } from './kamailio-fixture.js';

const LIMIT_MS = 15_000;
const KILL_AT_ONCE = { graceful: () => Promise.resolve(), gracefulMs: 0, termMs: 5_000 };
let hosts = 10;

function pidOf(server: RunningServer): number {
  assert.notEqual(server.pid, null);
  return server.pid ?? 0;
}

function fixture(): KamailioFixture {
  hosts += 1;
  return kamailioFixture(testDir('runtime'), `${loopbackNet()}.${hosts}`, 5060);
}

function runtimeOf(stateDir: string, command: string, args: readonly string[]): ServerRuntime {
  return processRuntime(
    { command, args, env: process.env, cwd: stateDir, stateDir },
    silentLog,
    systemTimekeeper,
  );
}

function kamailioRuntime(kamailio: KamailioFixture): ServerRuntime {
  return runtimeOf(kamailio.dir, 'kamailio', kamailio.args);
}

async function serving(kamailio: KamailioFixture): Promise<void> {
  await waitUntil('SIP', LIMIT_MS, () => answersOptions(kamailio.host, kamailio.port));
}

/** A small shell or node program as the server. */
function program(source: string): { runtime: ServerRuntime; dir: string } {
  const dir = testDir('runtime');
  return { runtime: runtimeOf(dir, process.execPath, ['-e', source]), dir };
}

async function said(dir: string, file: string): Promise<void> {
  await waitUntil(file, LIMIT_MS, () => existsSync(join(dir, file)));
}

test('Kamailio: its main process killed, the workers that would go on serving are gone before a restart', async () => {
  const kamailio = fixture();
  const runtime = kamailioRuntime(kamailio);
  const server = await runtime.start('life-1', () => undefined);
  await serving(kamailio);
  await waitUntil('its workers', LIMIT_MS, () => livingMembers(pidOf(server)).length > 3);
  const members = livingMembers(pidOf(server));
  process.kill(pidOf(server), 'SIGKILL');
  const exit = await server.exited;
  assert.equal(exit.cause, 'its process was killed (SIGKILL)');
  await server.cleared;
  assert.deepEqual(livingMembers(pidOf(server)), []);
  for (const member of members) {
    assert.notEqual(readProcess(member.pid)?.startTicks, member.startTicks);
  }
  assert.equal(await answersOptions(kamailio.host, kamailio.port, 300), false);
  const again = await runtime.start('life-1', () => undefined);
  await serving(kamailio);
  const end = await again.stop(KILL_AT_ONCE);
  assert.equal(end.code, 0);
  assert.deepEqual(livingMembers(pidOf(again)), []);
});

test('Kamailio: the killed main process really leaves workers that serve (why the group is killed)', async () => {
  const kamailio = fixture();
  const child = spawn('kamailio', [...kamailio.args], { detached: true, stdio: 'ignore' });
  await serving(kamailio);
  const pid = child.pid ?? 0;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  process.kill(pid, 'SIGKILL');
  await exited;
  assert.equal(await answersOptions(kamailio.host, kamailio.port, 2_000), true);
  process.kill(-pid, 'SIGKILL');
  await waitUntil('group gone', LIMIT_MS, () => livingMembers(pid).length === 0);
});

test('a lost SIGTERM is sent again', async () => {
  const { runtime, dir } = program(
    `let n = 0;
     process.on('SIGTERM', () => { if (++n === 2) process.exit(0); });
     require('fs').writeFileSync('ready', '');
     setInterval(() => 0, 1000);`,
  );
  const server = await runtime.start('life-1', () => undefined);
  await said(dir, 'ready');
  const exit = await server.stop({ ...KILL_AT_ONCE, termMs: 30_000 });
  assert.deepEqual([exit.code, exit.signal], [0, null]);
});

test('a server deaf to SIGTERM is killed, with its children', async () => {
  const { runtime, dir } = program(
    `process.on('SIGTERM', () => 0);
     require('child_process').spawn('sleep', ['1000']);
     require('fs').writeFileSync('ready', '');
     setInterval(() => 0, 1000);`,
  );
  const server = await runtime.start('life-1', () => undefined);
  await said(dir, 'ready');
  const exit = await server.stop({ ...KILL_AT_ONCE, termMs: 300 });
  assert.equal(exit.signal, 'SIGKILL');
  assert.deepEqual(livingMembers(pidOf(server)), []);
});

test('its own way comes first, and a second stop joins the first', async () => {
  const { runtime, dir } = program(
    `require('fs').writeFileSync('ready', '');
     setInterval(() => require('fs').existsSync('leave') && process.exit(7), 10);`,
  );
  const server = await runtime.start('life-1', () => undefined);
  await said(dir, 'ready');
  let asked = 0;
  const steps = {
    graceful: async () => {
      asked += 1;
      writeFileSync(join(dir, 'leave'), '');
    },
    gracefulMs: 20_000,
    termMs: 5_000,
  };
  const [first, second] = await Promise.all([server.stop(steps), server.stop(steps)]);
  assert.equal(first.code, 7, 'a signal would have given none');
  assert.equal(second, first);
  assert.equal(asked, 1);
});

test('its own way that fails is followed by SIGTERM', async () => {
  const { runtime } = program('setInterval(() => 0, 1000)');
  const server = await runtime.start('life-1', () => undefined);
  const graceful = () => Promise.reject(new Error('no control port'));
  const exit = await server.stop({ graceful, gracefulMs: 20_000, termMs: 5_000 });
  assert.equal(exit.signal, 'SIGTERM');
});

test('a program that is missing is named', async () => {
  const dir = testDir('runtime');
  await assert.rejects(
    runtimeOf(dir, '/nowhere/kamailio', []).start('life-1', () => undefined),
    (err) => {
      assert.ok(err instanceof ServerStartError);
      assert.match(err.message, /\/nowhere\/kamailio/);
      return true;
    },
  );
  assert.equal(readServerFile(dir)?.server, null);
});

async function orphanOf(dir: string): Promise<RunningServer> {
  const server = await runtimeOf(dir, process.execPath, ['-e', 'setInterval(() => 0, 999)']).start(
    'life-1',
    () => undefined,
  );
  assert.equal(readServerFile(dir)?.server?.process?.pid, pidOf(server));
  return server;
}

test('a stranger under the remembered pid is left alone', async () => {
  const dir = testDir('runtime');
  const stranger = await orphanOf(testDir('runtime'));
  writeServerFile(dir, {
    agent: { pid: process.pid, startTicks: 1 },
    server: {
      instanceId: 'life-1',
      commandHash: '',
      startedAt: 0,
      process: { pid: pidOf(stranger), startTicks: 1 },
    },
  });
  assert.equal(await runtimeOf(dir, process.execPath, []).adopt(), null);
  assert.notEqual(readProcess(pidOf(stranger)), null);
  await stranger.stop(KILL_AT_ONCE);
});

for (const content of ['', 'null', '[1]', '{"pid":1}', '{"pid":-1,"startTicks":1}', '{"pid":']) {
  test(`a state file that says ${content || 'nothing'} is no state`, async () => {
    const dir = testDir('runtime');
    writeFileSync(join(dir, 'server.json'), content);
    assert.equal(await runtimeOf(dir, process.execPath, []).adopt(), null);
  });
}

test('what is known only at a start is in the environment of that start', async () => {
  const dir = testDir('runtime');
  let starts = 0;
  const source =
    "require('node:fs').writeFileSync(process.env.AT_START, 'x'); setInterval(() => {}, 1000)";
  const runtime = processRuntime(
    {
      command: process.execPath,
      args: ['-e', source],
      env: { ...process.env, AT_START: 'never' },
      startEnv: async () => ({ AT_START: `start-${++starts}` }),
      cwd: dir,
      stateDir: dir,
    },
    silentLog,
    systemTimekeeper,
  );
  for (const file of ['start-1', 'start-2']) {
    const server = await runtime.start('life', () => undefined);
    await said(dir, file);
    await server.stop(KILL_AT_ONCE);
  }
});
