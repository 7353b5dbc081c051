import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { livingMembers, readProcess } from '../../../src/agent/runtime/process-group.js';
import type { ProcessRuntimeOptions } from '../../../src/agent/runtime/process.js';
import { processRuntime } from '../../../src/agent/runtime/process.js';
import type { RunningServer } from '../../../src/agent/runtime/runtime.js';
import { readServerFile, writeServerFile } from '../../../src/agent/runtime/server-file.js';
import { systemTimekeeper } from '../../../src/agent/timekeeper.js';
import { MissingPartError, ServerStartError } from '../../../src/util/errors.js';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { KamailioFixture } from './kamailio-fixture.js';
import { answersOptions, kamailioFixture } from './kamailio-fixture.js';
import { AgentProcess, keepingLog } from './process-agent.js';

const LIMIT_MS = 20_000;
const STEPS = { graceful: () => Promise.resolve(), gracefulMs: 0, termMs: 5_000 };
/** No process has it: the kernel's pids end below. */
const DEAD_AGENT = { pid: 2 ** 30, startTicks: 1 };
let hosts = 10;

/** Ended after each test, also a failed one. */
const begun: { readonly agents: AgentProcess[]; readonly groups: number[] } = {
  agents: [],
  groups: [],
};

afterEach(async () => {
  for (const agent of begun.agents.splice(0)) if (readProcess(agent.pid)) await agent.kill();
  for (const leader of begun.groups.splice(0)) {
    for (const member of livingMembers(leader)) process.kill(member.pid, 'SIGKILL');
    await waitUntil('the group gone', LIMIT_MS, () => livingMembers(leader).length === 0);
  }
});

function kamailioOptions(): { kamailio: KamailioFixture; options: ProcessRuntimeOptions } {
  const host = `${loopbackNet()}.${hosts++}`;
  const kamailio = kamailioFixture(testDir('takeover'), host, 5060);
  return { kamailio, options: optionsOf(kamailio.dir, 'kamailio', kamailio.args) };
}

function optionsOf(dir: string, command: string, args: readonly string[]): ProcessRuntimeOptions {
  return { command, args, env: process.env, cwd: dir, stateDir: dir };
}

function programOptions(source: string): ProcessRuntimeOptions {
  return optionsOf(testDir('takeover'), process.execPath, ['-e', source]);
}

async function agentOf(options: ProcessRuntimeOptions): Promise<AgentProcess> {
  const agent = await AgentProcess.start(options, 'life-1');
  begun.agents.push(agent);
  begun.groups.push(agent.serverPid);
  return agent;
}

/** What the next agent finds. */
async function adopt(
  options: ProcessRuntimeOptions,
  lines: string[] = [],
  warnings: string[] = [],
): Promise<RunningServer | null> {
  const log = keepingLog(lines, warnings);
  return processRuntime(options, log, systemTimekeeper).adopt();
}

async function adopted(options: ProcessRuntimeOptions, lines?: string[]): Promise<RunningServer> {
  const server = await adopt(options, lines);
  assert.ok(server, 'there is a server to take over');
  return server;
}

const answers = ({ host, port }: KamailioFixture, timeoutMs?: number): Promise<boolean> =>
  answersOptions(host, port, timeoutMs);

async function serving(kamailio: KamailioFixture): Promise<void> {
  await waitUntil('SIP', LIMIT_MS, () => answers(kamailio));
}

async function said(options: ProcessRuntimeOptions, file: string): Promise<void> {
  await waitUntil(file, LIMIT_MS, () => existsSync(join(options.stateDir, file)));
}

/** A signal is on its way for a moment. */
async function ended(pid: number): Promise<void> {
  await waitUntil('its end', LIMIT_MS, () => readProcess(pid) === null);
}

const pidsOf = (leader: number): readonly number[] => livingMembers(leader).map(({ pid }) => pid);

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

test('a program that logs for ever survives its agents, and no line of it is missing', async () => {
  const options = programOptions(
    `let n = 0; setInterval(() => { for (let i = 0; i < 5; i++) console.log('line ' + n++); }, 2);`,
  );
  const first = await agentOf(options);
  await waitUntil('lines', LIMIT_MS, () => first.lines.length > 500);
  await first.kill();
  const second = await agentOf(options);
  assert.equal(second.serverPid, first.serverPid);
  await waitUntil('lines', LIMIT_MS, () => second.lines.length > 500);
  await second.kill();
  const lines: string[] = [];
  const server = await adopted(options, lines);
  await waitUntil('lines', LIMIT_MS, () => lines.length > 500);
  await server.stop(STEPS);
  const numbers = [first.lines, second.lines, lines].map((part) => part.map(numberOf));
  for (const part of numbers) assertContiguous(part);
  for (const [i, part] of numbers.slice(1).entries()) {
    const lastBefore = numbers[i]?.at(-1) ?? -1;
    assert.ok((part[0] ?? Infinity) <= lastBefore + 1, `${part[0]} after ${lastBefore}`);
  }
});

const numberOf = (line: string): number => Number(/^line (\d+)$/.exec(line)?.[1] ?? NaN);

function assertContiguous(numbers: readonly number[]): void {
  const [first = 0] = numbers;
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => first + i),
  );
}

test('a server that writes 20 MB without an agent is not blocked, and the next agent bounds the file', async () => {
  const options = programOptions(
    `const fs = require('fs');
     const timer = setInterval(() => {
       if (!fs.existsSync('go')) return;
       clearInterval(timer);
       for (let i = 0; i < 20; i++) process.stdout.write(('x'.repeat(1023) + '\\n').repeat(1024));
       console.log('the last line');
       fs.writeFileSync('written', '');
       setInterval(() => 0, 1000);
     }, 10);`,
  );
  const agent = await agentOf(options);
  await agent.kill();
  writeFileSync(join(options.stateDir, 'go'), '');
  await said(options, 'written');
  const log = join(options.stateDir, 'server.log');
  assert.ok(statSync(log).size > 20 * 1024 * 1024);
  const lines: string[] = [];
  const server = await adopted(options, lines);
  await waitUntil('all of it', LIMIT_MS, () => lines.at(-1) === 'the last line');
  assert.equal(lines.length, 20 * 1024 + 1);
  assert.ok(statSync(log).size < 8 * 1024 * 1024);
  await server.stop(STEPS);
});

test('what a server said that ended while no agent lived is logged by the next one', async () => {
  const options = programOptions(
    `process.on('SIGTERM', () => { console.log('my last words'); process.exit(3); });
     require('fs').writeFileSync('ready', '');
     setInterval(() => 0, 1000);`,
  );
  const agent = await agentOf(options);
  await said(options, 'ready');
  await agent.kill();
  process.kill(agent.serverPid, 'SIGTERM');
  await ended(agent.serverPid);
  const lines: string[] = [];
  assert.equal(await adopt(options, lines), null);
  assert.deepEqual(lines, ['my last words']);
  assert.equal(await adopt(options, lines), null);
  assert.deepEqual(lines, ['my last words'], 'once');
});

test('a second agent on the same folder is refused as long as the first lives', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  await assert.rejects(adopt(options), (err) => {
    assert.ok(err instanceof ServerStartError);
    assert.match(err.message, new RegExp(`another agent \\(pid ${agent.pid}\\).*CARNA_STATE_DIR`));
    return true;
  });
  assert.notEqual(readProcess(agent.serverPid), null);
  assert.equal(readServerFile(options.stateDir)?.agent.pid, agent.pid);
  await agent.kill();
  const server = await adopted(options);
  assert.equal(readServerFile(options.stateDir)?.agent.pid, process.pid);
  await server.stop(STEPS);
});

test('a folder is held between two lives of the server as well', async () => {
  const options = programOptions('setInterval(() => 0, 1000)');
  const agent = await agentOf(options);
  const agentFile = readServerFile(options.stateDir)?.agent ?? DEAD_AGENT;
  writeServerFile(options.stateDir, { agent: agentFile, server: null });
  await assert.rejects(adopt(options), ServerStartError);
  await agent.kill();
  assert.equal(await adopt(options), null);
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

/** What an agent leaves that died between starting a server and writing its pid. */
function intend(stateDir: string, instanceId: string): void {
  writeServerFile(stateDir, {
    agent: DEAD_AGENT,
    server: { instanceId, commandHash: 'x', startedAt: 0, process: null },
  });
}

function spawnMarked(command: string, args: readonly string[], instanceId: string): number {
  const env = { ...process.env, CARNA_INSTANCE: instanceId };
  const child = spawn(command, [...args], { detached: true, stdio: 'ignore', env });
  child.unref();
  const pid = child.pid ?? 0;
  begun.groups.push(pid);
  return pid;
}

test('a server whose pid was never written down is found by its mark', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  const pid = spawnMarked('sh', ['-c', 'sleep 1000 & wait'], 'life-unwritten');
  await waitUntil('its child', LIMIT_MS, () => pidsOf(pid).length === 2);
  const other = spawnMarked('sleep', ['1000'], 'life-of-another');
  const server = await adopted(options);
  assert.deepEqual([server.pid, server.instanceId], [pid, 'life-unwritten']);
  assert.equal(readServerFile(options.stateDir)?.server?.process?.pid, pid);
  await server.stop(STEPS);
  assert.deepEqual(pidsOf(pid), []);
  assert.equal(pidsOf(other).length, 1, 'another life is left alone');
});

test('what such a server left without its main process is ended', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  const pid = spawnMarked('sh', ['-c', 'sleep 1000 & exit'], 'life-unwritten');
  await waitUntil(
    'its end',
    LIMIT_MS,
    () => pidsOf(pid).length === 1 && !pidsOf(pid).includes(pid),
  );
  assert.equal(await adopt(options), null);
  assert.deepEqual(pidsOf(pid), []);
});

test('an intended server that was never executed is none', async () => {
  const options = programOptions('');
  intend(options.stateDir, 'life-unwritten');
  assert.equal(await adopt(options), null);
  assert.deepEqual(readServerFile(options.stateDir)?.server, null);
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

test('every line of a server comes complete and in order, also its last without a newline', async () => {
  const options = programOptions(
    `for (let i = 0; i < 10000; i++) console.log('line ' + i);
     process.stderr.write('ü'.repeat(500000) + '\\n');
     process.stdout.write('the end');`,
  );
  const lines: string[] = [];
  const runtime = processRuntime(options, keepingLog(lines), systemTimekeeper);
  const server = await runtime.start('life-1', () => undefined);
  await server.cleared;
  const numbers = lines.slice(0, 10_000).map(numberOf);
  assert.equal(numbers[0], 0);
  assertContiguous(numbers);
  assert.deepEqual(lines.slice(10_000), [`${'ü'.repeat(2_000)}…`, 'the end']);
});

test('a state folder that cannot be written is named, by an agent that starts as by one that looks', async () => {
  const dir = testDir('takeover');
  writeFileSync(join(dir, 'file'), '');
  const stateDir = join(dir, 'file', 'state');
  const options = { ...programOptions('setInterval(() => 0, 1000)'), stateDir };
  const runtime = processRuntime(options, keepingLog([]), systemTimekeeper);
  const namesIt = (kind: typeof MissingPartError | typeof ServerStartError) => (err: unknown) => {
    assert.ok(err instanceof kind);
    assert.ok(err.message.includes(stateDir), err.message);
    return true;
  };
  await assert.rejects(runtime.adopt(), namesIt(MissingPartError));
  await assert.rejects(
    runtime.start('life-1', () => undefined),
    namesIt(ServerStartError),
  );
});
