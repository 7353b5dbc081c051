import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { readProcess } from '../../../src/agent/runtime/process-group.js';
import type { ProcessRuntimeOptions } from '../../../src/agent/runtime/process.js';
import { readServerFile } from '../../../src/agent/runtime/server-file.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { KamailioFixture } from './kamailio-fixture.js';
import { answersOptions, kamailioFixture } from './kamailio-fixture.js';
import {
  adopt,
  adopted,
  agentOf,
  endBegun,
  ended,
  LIMIT_MS,
  optionsOf,
  pidsOf,
  programOptions,
  said,
  STEPS,
} from './takeover-rig.js';

let hosts = 10;

afterEach(endBegun);

function kamailioOptions(): { kamailio: KamailioFixture; options: ProcessRuntimeOptions } {
  const host = `${loopbackNet()}.${hosts++}`;
  const kamailio = kamailioFixture(testDir('takeover'), host, 5060);
  return { kamailio, options: optionsOf(kamailio.dir, 'kamailio', kamailio.args) };
}

const answers = ({ host, port }: KamailioFixture, timeoutMs?: number): Promise<boolean> =>
  answersOptions(host, port, timeoutMs);

async function serving(kamailio: KamailioFixture): Promise<void> {
  await waitUntil('SIP', LIMIT_MS, () => answers(kamailio));
}

/** Makes a Kamailio complain in its output. */
async function sendGarbage({ host, port }: KamailioFixture): Promise<void> {
  const socket = createSocket('udp4');
  const text = 'OPTIONS sip:a SIP/2.0\r\nVia: nothing\r\n\r\n';
  await new Promise((resolve) => socket.send(text, port, host, resolve));
  socket.close();
}

test('Kamailio: kill -9 of its agent leaves it serving, and the next agent takes it over as it is', async () => {
  const { kamailio, options } = kamailioOptions();
  const agent = await agentOf(options);
  await serving(kamailio);
  const members = pidsOf(agent.serverPid);
  assert.ok(members.length > 3);
  await agent.kill();
  await sendGarbage(kamailio);
  for (let i = 0; i < 20; i++) assert.equal(await answers(kamailio), true);
  const lines: string[] = [];
  const server = await adopted(options, lines);
  assert.deepEqual(
    [server.pid, server.instanceId, server.isAdopted, server.note, server.name],
    [agent.serverPid, 'life-1', true, null, `process ${agent.serverPid}`],
  );
  assert.equal(await answers(kamailio), true);
  assert.deepEqual(pidsOf(agent.serverPid), members);
  const isComplaint = (line: string): boolean => /ERROR|parse/.test(line);
  await waitUntil('what it said alone', LIMIT_MS, () => lines.some(isComplaint));
  const before = lines.length;
  await sendGarbage(kamailio);
  await waitUntil('what it says now', LIMIT_MS, () => lines.slice(before).some(isComplaint));
  await server.stop(STEPS);
  assert.deepEqual(pidsOf(agent.serverPid), []);
  assert.equal(await answers(kamailio, 300), false);
  assert.equal(readServerFile(options.stateDir)?.server, null);
});

test('Kamailio: the end of one that was taken over is noticed, and its workers are ended', async () => {
  const { kamailio, options } = kamailioOptions();
  const agent = await agentOf(options);
  await serving(kamailio);
  await agent.kill();
  const server = await adopted(options);
  process.kill(agent.serverPid, 'SIGKILL');
  const exit = await server.exited;
  assert.match(exit.cause, /it was not our child/);
  assert.deepEqual([exit.code, exit.signal], [null, null]);
  await server.cleared;
  assert.deepEqual(pidsOf(agent.serverPid), []);
  assert.equal(await answers(kamailio, 300), false);
});

test('Kamailio: its main process killed while no agent lived, the workers are ended and nothing is taken over', async () => {
  const { kamailio, options } = kamailioOptions();
  const agent = await agentOf(options);
  await serving(kamailio);
  await agent.kill();
  process.kill(agent.serverPid, 'SIGKILL');
  await ended(agent.serverPid);
  assert.equal(await answers(kamailio), true, 'the workers serve alone');
  const warnings: string[] = [];
  assert.equal(await adopt(options, [], warnings), null);
  assert.deepEqual(pidsOf(agent.serverPid), []);
  assert.equal(await answers(kamailio, 300), false);
  assert.deepEqual(warnings, ['ending the workers that a server left without its main process']);
});

test('a server with another command than the configured one goes on, and that is told', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  await agent.kill();
  const server = await adopted({ ...options, args: ['-e', 'setInterval(() => 1, 1000)'] });
  assert.equal(server.note, 'it runs another command until its next start');
  await server.stop(STEPS);
});

test('one that was taken over and is deaf to SIGTERM is killed, with its children', async () => {
  const options = programOptions(
    `process.on('SIGTERM', () => 0);
     require('child_process').spawn('sleep', ['1000']);
     require('fs').writeFileSync('ready', '');
     setInterval(() => 0, 1000);`,
  );
  const agent = await agentOf(options);
  await said(options, 'ready');
  await agent.kill();
  const server = await adopted(options);
  const steps = { ...STEPS, termMs: 300 };
  const [first, second] = await Promise.all([server.stop(steps), server.stop(steps)]);
  assert.equal(first, second);
  assert.deepEqual(pidsOf(agent.serverPid), []);
});

test('nothing of the server hangs on its agent', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  const proc = `/proc/${agent.serverPid}`;
  const log = join(options.stateDir, 'server.log');
  assert.deepEqual(
    [0, 1, 2].map((fd) => readlinkSync(`${proc}/fd/${fd}`)),
    ['/dev/null', log, log],
  );
  const flags = Number.parseInt(/flags:\s+(\d+)/.exec(fdInfo(proc))?.[1] ?? '', 8);
  assert.notEqual(flags & 0o2000, 0, 'it appends');
  assert.equal(statSync(log).mode & 0o777, 0o600);
  assert.equal(readProcess(agent.serverPid)?.session, agent.serverPid);
  assert.match(readFileSync(`${proc}/environ`, 'utf8'), /(^|\0)CARNA_INSTANCE=life-1\0/);
});

const fdInfo = (proc: string): string => readFileSync(`${proc}/fdinfo/1`, 'utf8');
