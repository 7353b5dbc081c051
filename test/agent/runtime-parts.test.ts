import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { observeByAddress } from '../../src/agent/runtime/observe.js';
import { readProcess } from '../../src/agent/runtime/process-group.js';
import { refusalFile } from '../../src/agent/runtime/flag-file.js';
import { serverEnv } from '../../src/agent/runtime/server-env.js';
import { readServerFile, writeServerFile } from '../../src/agent/runtime/server-file.js';
import { serverOf } from '../../src/lab/server-pid.js';
import type { LabNode } from '../../src/lab/plan.js';
import { testDir } from '../support/resources.js';
import { FakeTime } from './support/fake-time.js';
import { silentLog } from './support/fakes.js';

test('the server gets the environment without the credentials of the agent', () => {
  const env = {
    PATH: '/bin',
    CARNA_ZOOKEEPER_AUTH: 'digest:a:b',
    CARNA_ZOOKEEPER_AUTH_FILE: '/a',
    CARNA_DATABASE_URL: 'postgres://a',
    CARNA_DATABASE_URL_FILE: '/b',
    CARNA_ESL_PASSWORD: 'needed by its configuration',
    CARNA_KAMAILIO_DB_URL: 'postgres://its-own',
    CARNA_NODE_ID: 'm1',
  };
  assert.deepEqual(serverEnv(env), {
    PATH: '/bin',
    CARNA_ESL_PASSWORD: 'needed by its configuration',
    CARNA_KAMAILIO_DB_URL: 'postgres://its-own',
    CARNA_NODE_ID: 'm1',
  });
  assert.equal(env.CARNA_DATABASE_URL, 'postgres://a', 'the agent keeps its own');
});

test('the mark of a refusal outlives its writer, is private, and goes when taken back', () => {
  const dir = testDir('refusal');
  assert.equal(refusalFile(dir).read(), false);
  refusalFile(dir).write(true);
  refusalFile(dir).write(true);
  assert.equal(refusalFile(dir).read(), true);
  assert.equal(statSync(join(dir, 'refusing')).mode & 0o777, 0o600);
  refusalFile(dir).write(false);
  refusalFile(dir).write(false);
  assert.equal(refusalFile(dir).read(), false);
  assert.equal(existsSync(join(dir, 'refusing')), false);
});

test('a folder that is not there holds no mark and throws nothing', () => {
  const mark = refusalFile(join(testDir('refusal'), 'nowhere'));
  mark.write(true);
  mark.write(false);
  assert.equal(mark.read(), false);
});

function observer(): ReturnType<typeof observeByAddress> {
  let ids = 0;
  const newId = (): string => `life-${++ids}`;
  return observeByAddress('10.0.3.11:5060', new FakeTime(), silentLog, newId);
}

test('an observed server is there from the beginning, under its address', async () => {
  const runtime = observer();
  assert.equal(runtime.isObserver, true);
  const server = await runtime.adopt();
  assert.equal(server?.name, 'the server at 10.0.3.11:5060');
  assert.deepEqual([server.pid, server.isAdopted, server.note], [null, true, null]);
  assert.equal(server.instanceId, 'life-1');
});

test('an observed server ends only by no longer being observed, and is never asked to end', async () => {
  const runtime = observer();
  const server = await runtime.adopt();
  assert.ok(server);
  let isOver = false;
  void server.exited.then(() => (isOver = true));
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  const graceful = (): Promise<void> => assert.fail('it is not ours');
  const steps = { graceful, gracefulMs: 1_000, termMs: 1_000 };
  const [first, second] = await Promise.all([server.stop(steps), server.stop(steps)]);
  assert.equal(first, second);
  assert.deepEqual(
    [first.cause, first.code, first.signal, first.noticedAtMs],
    ['no longer observed', null, null, new FakeTime().wallMs()],
  );
  await server.cleared;
  const again = await runtime.start('life-9', () => assert.fail('there is nothing to wait for'));
  assert.equal(again.instanceId, 'life-9');
  assert.notEqual(again.exited, server.exited);
});

const AGENT = { pid: 4_000_000, startTicks: 7 };
const SERVER = {
  instanceId: 'life-1',
  commandHash: 'abc',
  startedAt: 5,
  process: { pid: 4_000_001, startTicks: 8 },
};

for (const server of [SERVER, { ...SERVER, process: null }, null]) {
  const what = server === null ? 'no server' : server.process === null ? 'an intended one' : 'one';
  test(`what is written of ${what} is read back`, () => {
    const dir = join(testDir('file'), 'made');
    writeServerFile(dir, { agent: AGENT, server });
    assert.deepEqual(readServerFile(dir), { agent: AGENT, server });
    rmSync(dir, { recursive: true });
    assert.equal(readServerFile(dir), null);
  });
}

for (const fault of [
  { bootId: 'another' },
  { agentPid: -1 },
  { agentPid: '1' },
  { agentStartTicks: null },
]) {
  test(`a state file with ${JSON.stringify(fault)} is none`, () => {
    const dir = testDir('file');
    writeServerFile(dir, { agent: AGENT, server: SERVER });
    spoil(dir, fault);
    assert.equal(readServerFile(dir), null);
  });
}

test('a state file without the id of the life tells of no server', () => {
  const dir = testDir('file');
  writeServerFile(dir, { agent: AGENT, server: SERVER });
  spoil(dir, { instanceId: null });
  assert.deepEqual(readServerFile(dir), { agent: AGENT, server: null });
});

function spoil(dir: string, fault: object): void {
  const path = join(dir, 'server.json');
  const content = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...content, ...fault }));
}

test('the lab finds a server by the state folder of its node, and only while it lives', () => {
  const runDir = testDir('run');
  const node = { name: 'm1' } as LabNode;
  const find = (process: typeof SERVER.process | null): unknown => {
    writeServerFile(join(runDir, 'm1'), { agent: AGENT, server: { ...SERVER, process } });
    return serverOf(runDir, node);
  };
  assert.equal(serverOf(runDir, node), null);
  const self = { pid: process.pid, startTicks: readProcess(process.pid)?.startTicks ?? 0 };
  assert.deepEqual(find(self), self);
  assert.equal(find({ ...self, startTicks: 1 }), null);
  assert.equal(find(null), null);
  writeFileSync(join(runDir, 'm1', 'server.json'), '{}');
  assert.equal(serverOf(runDir, node), null);
});
