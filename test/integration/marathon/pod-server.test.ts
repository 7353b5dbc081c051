import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { podServerScript } from '../../../src/marathon/render/pod-server.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { freePort, testDir } from '../../support/resources.js';

const LIMIT_MS = 30_000;
/** Says who it is; ends on SIGTERM, or by itself when it is told to. */
const SERVER = `#!/bin/sh
trap 'echo terminated >>"$LOG"; exit 0' TERM
echo "started $CARNA_SIP_HOST $CARNA_NODE_ID" >>"$LOG"
[ -z "\${SERVER_CODE:-}" ] || exit "$SERVER_CODE"
while :; do sleep 0.05; done
`;

const running: ChildProcess[] = [];
const agents: Server[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    // Its group: the script's server is in it.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }
  for (const agent of agents.splice(0)) {
    if (agent.listening) await closed(agent);
  }
});

interface Pod {
  readonly child: ChildProcess;
  /** What the server did. */
  log(): string;
  readonly exitCode: Promise<number | null>;
}

function start(port: number, env: Readonly<Record<string, string>> = {}): Pod {
  const dir = testDir('pod');
  const server = join(dir, 'server');
  writeFileSync(server, SERVER, { mode: 0o755 });
  const log = join(dir, 'log');
  writeFileSync(log, '');
  const task = { HOST: '10.0.3.11', MESOS_TASK_ID: 'media.instance-1.server.1', LOG: log };
  const child = spawn('/bin/sh', ['-c', podServerScript(server, port)], {
    env: { ...process.env, ...task, ...env },
    stdio: 'inherit',
    detached: true,
  });
  running.push(child);
  const exitCode = once(child, 'exit').then(([code]) => code as number | null);
  return { child, log: () => readFileSync(log, 'utf8'), exitCode };
}

async function agentAt(port: number, host: string): Promise<Server> {
  const agent = createServer((socket) => socket.destroy());
  agents.push(agent);
  agent.listen(port, host);
  await once(agent, 'listening');
  return agent;
}

const closed = (agent: Server): Promise<unknown> => new Promise((resolve) => agent.close(resolve));

const started = (pod: Pod): Promise<void> =>
  waitUntil('the server', LIMIT_MS, () => pod.log().includes('started'));

for (const host of ['0.0.0.0', '127.0.0.1']) {
  test(`SIGTERM, however often, ends the server when the agent on ${host} has drained`, async () => {
    const port = await freePort();
    const agent = await agentAt(port, host);
    const pod = start(port);
    await started(pod);
    pod.child.kill('SIGTERM');
    pod.child.kill('SIGTERM');
    // The script asks once a second: it has asked, and it has waited.
    await wait(2_500);
    pod.child.kill('SIGTERM');
    assert.ok(!pod.log().includes('terminated'), 'the server ended before the drain');
    assert.equal(pod.child.exitCode, null);
    await closed(agent);
    assert.equal(await pod.exitCode, 0);
    assert.equal(pod.log(), 'started 10.0.3.11 media.instance-1.server.1\nterminated\n');
  });
}

test('without an agent SIGTERM ends the server at once', async () => {
  const pod = start(await freePort());
  await started(pod);
  pod.child.kill('SIGTERM');
  assert.equal(await pod.exitCode, 0);
  assert.match(pod.log(), /terminated/);
});

for (const code of [0, 7]) {
  test(`a server that ends by itself with ${code} ends its container with ${code}`, async () => {
    const pod = start(await freePort(), { SERVER_CODE: String(code) });
    assert.equal(await pod.exitCode, code);
  });
}

test('a name in HOST is looked up; what is said goes before what is found', async () => {
  const named = start(await freePort(), { HOST: 'localhost', SERVER_CODE: '0' });
  assert.equal(await named.exitCode, 0);
  assert.match(named.log(), /^started (?:127\.0\.0\.1|::1) media/);
  const said = start(await freePort(), {
    ...{ CARNA_SIP_HOST: '10.1.1.1', CARNA_NODE_ID: 'm1', SERVER_CODE: '0' },
  });
  assert.equal(await said.exitCode, 0);
  assert.equal(said.log(), 'started 10.1.1.1 m1\n');
});
