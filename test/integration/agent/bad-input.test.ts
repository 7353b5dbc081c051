import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { loopbackNet, testDir } from '../../support/resources.js';

const LIMIT_MS = 60_000;
const HOST = `${loopbackNet()}.9`;
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
const started: ChildProcess[] = [];
const servers: Server[] = [];
let ports = 20_100;

after(() => {
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
  for (const server of servers) server.close();
});

interface AgentRun {
  readonly child: ChildProcess;
  readonly http: string;
  readonly said: () => string;
  readonly exit: Promise<number | null>;
}

/** `carna agent` as a process of its own; ZooKeeper is nowhere, which no agent minds. */
function agent(env: Record<string, string>, command: readonly string[] = []): AgentRun {
  ports += 1;
  const [program = process.execPath, ...args] = [...command, process.execPath];
  const child = spawn(program, [...args, 'dist/src/bin/carna.js', 'agent'], {
    env: {
      PATH: process.env['PATH'],
      CARNA_TEST_RUN: process.env['CARNA_TEST_RUN'],
      CARNA_ZOOKEEPER: '127.0.0.1:1',
      CARNA_NODE_ID: 'media-1',
      CARNA_ROLE: 'media',
      CARNA_SIP_HOST: HOST,
      CARNA_ESL_PASSWORD: 'not-the-stock-one',
      CARNA_STATE_DIR: testDir('bad'),
      CARNA_HTTP_HOST: HOST,
      CARNA_HTTP_PORT: String(ports),
      CARNA_RESTART_MIN_MS: '20',
      CARNA_RESTART_MAX_MS: '100',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, http: `http://${HOST}:${ports}`, said: () => said, exit };
}

/** The lines for people, without the log. */
const told = (run: AgentRun): string =>
  run
    .said()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'))
    .join('\n');

async function ends(run: AgentRun, code: number, ...texts: readonly RegExp[]): Promise<void> {
  assert.equal(await run.exit, code, run.said());
  for (const text of texts) assert.match(told(run), text);
  assert.doesNotMatch(told(run), /^\s+at /m, 'no stack for an expected failure');
}

/** A socket file that answers like `reply`, or nothing when it is null. */
async function socketAt(path: string, reply: string | null): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (reply !== null) socket.end(reply);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

const DOCKER = { CARNA_SERVER_IMAGE: 'carna/none:1' };

test('Docker: its socket is absent', () =>
  ends(
    agent({ ...DOCKER, CARNA_DOCKER_SOCKET: '/nowhere/docker.sock' }),
    3,
    /^error: Docker's socket \/nowhere\/docker\.sock is not there/m,
    /remedy: .*CARNA_DOCKER_SOCKET/,
  ));

test('Docker: no right to use its socket', async () => {
  const dir = testDir('docker');
  const path = join(dir, 'docker.sock');
  await socketAt(path, null);
  chmodSync(path, 0o600);
  const state = testDir('state');
  chmodSync(state, 0o777);
  const env = { ...DOCKER, CARNA_DOCKER_SOCKET: path, CARNA_STATE_DIR: state };
  const run = agent(env, ['setpriv', ...NOBODY]);
  await ends(
    run,
    3,
    /^error: the agent may not use Docker's socket .*docker\.sock/m,
    /remedy: .*group/,
  );
});

test('Docker: nobody listens: it is tried again, told in /healthz, and SIGTERM ends it with 0', async () => {
  const path = join(testDir('docker'), 'docker.sock');
  const holder = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  await new Promise((resolve) => holder.once('exit', resolve));
  const run = agent({ ...DOCKER, CARNA_DOCKER_SOCKET: path });
  await waitUntil('the note', LIMIT_MS, async () =>
    /no Docker engine listens/.test(await notesOf(run)),
  );
  run.child.kill('SIGTERM');
  await ends(run, 0);
});

test('Docker: something else answers: it is tried again and told', async () => {
  const path = join(testDir('docker'), 'docker.sock');
  await socketAt(path, 'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>');
  const run = agent({ ...DOCKER, CARNA_DOCKER_SOCKET: path });
  await waitUntil('the note', LIMIT_MS, async () => (await notesOf(run)).includes('cannot tell'));
  run.child.kill('SIGTERM');
  await ends(run, 0);
});

test('process: a program that does not exist is a crash loop', () =>
  ends(agent({ CARNA_SERVER_COMMAND: '["/no/such/program"]' }), 3, /\/no\/such\/program/));

test('process: a server that ends at once is a crash loop that names its code', () =>
  ends(agent({ CARNA_SERVER_COMMAND: '["/bin/sh","-c","exit 7"]' }), 3, /exited with code 7/));

test('process: no command', () =>
  ends(agent({}), 2, /CARNA_SERVER_COMMAND: expected a JSON array/));

test('the state folder cannot be used', () => {
  const stateDir = join(testDir('bad'), 'a-file', 'below');
  writeFileSync(dirname(stateDir), 'no folder');
  const env = { CARNA_SERVER_COMMAND: '["/bin/sleep","9"]', CARNA_STATE_DIR: stateDir };
  return ends(agent(env), 3, /a-file\/below/);
});

test("FreeSWITCH's stock password is refused, and not shown", async () => {
  const run = agent({ CARNA_SERVER_COMMAND: '["/bin/true"]', CARNA_ESL_PASSWORD: 'ClueCon' });
  await ends(run, 2, /CARNA_ESL_PASSWORD: expected a password of your own/);
  assert.doesNotMatch(run.said(), /ClueCon/);
});

test('no secret of the environment reaches the log', async () => {
  const secrets = {
    CARNA_ESL_PASSWORD: 'esl-secret-1',
    CARNA_ZOOKEEPER_AUTH: 'carna:zk-secret-2',
    CARNA_DATABASE_URL: 'postgresql://carna:db-secret-3@127.0.0.1:1/carna',
    CARNA_LOG_LEVEL: 'trace',
  };
  const run = agent({ CARNA_SERVER_COMMAND: '["/bin/sh","-c","env; exit 7"]', ...secrets });
  await run.exit;
  const log = run
    .said()
    .split('\n')
    .filter((line) => !line.includes('CARNA_ESL_PASSWORD=')) // What the server itself prints.
    .join('\n');
  assert.doesNotMatch(log, /secret-[123]/);
  assert.doesNotMatch(run.said(), /secret-[23]/, "the server does not get what is the agent's own");
});

/** What /healthz notes; empty while it does not answer. */
async function notesOf(run: AgentRun): Promise<string> {
  try {
    const answer = await fetch(`${run.http}/healthz`, { signal: AbortSignal.timeout(1_000) });
    return ((await answer.json()) as { notes: readonly string[] }).notes.join('\n');
  } catch {
    return '';
  }
}
