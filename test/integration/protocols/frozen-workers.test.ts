import assert from 'node:assert/strict';
import { FORGETFUL_MARK } from '../../../src/agent/servers/refusal.js';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pino from 'pino';
import type { ProbeResult } from '../../../src/agent/checks/probe.js';
import { livingMembers, readProcess, trySignal } from '../../../src/agent/runtime/process-group.js';
import type { ServerControl } from '../../../src/agent/servers/server.js';
import type { ServerLink } from '../../../src/cli/daemons/server-control.js';
import { openServerLink } from '../../../src/cli/daemons/server-control.js';
import { loadAgentConfig } from '../../../src/config/agent.js';
import { BinrpcClient } from '../../../src/protocols/binrpc/client.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';
import { kamailioFixture } from '../agent/kamailio-fixture.js';

/** Processes that are stopped, not dead: only an answer in time tells them from living ones. */

const LIMIT_MS = 20_000;
/** Of one probe; generous for what answers at all. */
const DEADLINE_MS = 1_000;
const net = loopbackNet();
const started: ChildProcess[] = [];
const links: ServerLink[] = [];

after(async () => {
  for (const link of links) link.close();
  for (const child of started) {
    if (child.pid === undefined) continue;
    const { pid } = child;
    // One that dies may take the others along before their turn comes.
    for (const member of livingMembers(pid)) trySignal(member.pid, 'SIGKILL');
    await waitUntil('all of it is gone', LIMIT_MS, () => livingMembers(pid).length === 0);
  }
});

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command, args, {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  started.push(child);
  return child;
}

function open(env: Readonly<Record<string, string>>): ServerControl {
  const common = { CARNA_NODE_ID: 'n1', CARNA_ZOOKEEPER: '127.0.0.1:1', CARNA_STATE_DIR: '/tmp' };
  const config = loadAgentConfig(
    {
      ...common,
      CARNA_SERVER_COMMAND: '["/bin/true"]',
      CARNA_DATABASE_URL: 'postgres://a@b/c',
      ...env,
    },
    () => '',
  );
  const link = openServerLink(config, pino({ enabled: false }), FORGETFUL_MARK);
  links.push(link);
  return link.openControl({ ring: () => undefined, isAdopted: false });
}

async function until(control: ServerControl, kind: ProbeResult['kind']): Promise<ProbeResult> {
  let result = await control.probe(DEADLINE_MS);
  await waitUntil(`a probe says ${kind}`, LIMIT_MS, async () => {
    if (result.kind !== kind) result = await control.probe(DEADLINE_MS);
    return result.kind === kind;
  });
  return result;
}

const verdicts = (result: ProbeResult): string[] =>
  (result.evidence ?? []).map((check) => `${check.check} ${check.verdict}`);

const reasonOf = (result: ProbeResult): string => (result.kind === 'ok' ? 'ok' : result.reason);

/** Stops these processes while `use` runs, and sees them stopped first. */
async function frozen(pids: readonly number[], use: () => Promise<void>): Promise<void> {
  try {
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await waitUntil('they are stopped', LIMIT_MS, () =>
      pids.every((pid) => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))),
    );
    await use();
  } finally {
    for (const pid of pids) if (readProcess(pid) !== null) process.kill(pid, 'SIGCONT');
  }
}

/** The pids of Kamailio's UDP workers, by its own word. */
async function udpReceivers(socketPath: string): Promise<number[]> {
  const client = new BinrpcClient({ socketPath, timeoutMs: LIMIT_MS });
  try {
    const values = await client.call('core.ps');
    return values.flatMap((value, at) => {
      const pid = values[at - 1];
      const isReceiver = value.kind === 'string' && value.value.startsWith('udp receiver');
      return isReceiver && pid?.kind === 'int' ? [pid.value] : [];
    });
  } finally {
    client.close();
  }
}

test('Kamailio: with all UDP workers stopped RPC says yes and SIP says no; a stopped ctl process is a note', async () => {
  const dir = testDir('frozen');
  const kamailio = kamailioFixture(dir, `${net}.3`, 5060);
  run('kamailio', kamailio.args);
  const control = open({
    CARNA_ROLE: 'registrar',
    CARNA_SIP_HOST: kamailio.host,
    CARNA_SIP_PORT: String(kamailio.port),
    CARNA_CTL_SOCKET: kamailio.socket,
  });
  const good = await until(control, 'ok');
  await waitUntil('RPC answers as well', LIMIT_MS, async () => {
    const now = await control.probe(DEADLINE_MS);
    return verdicts(now).join() === 'rpc ok,memory ok,sip ok';
  });
  assert.ok(good.kind === 'ok');
  const load = await control.probe(DEADLINE_MS);
  assert.ok(load.kind === 'ok' && load.load !== undefined);
  const { sessions, limit, memoryUsedShare } = load.load;
  assert.deepEqual([sessions, limit], [0, null]);
  assert.ok(memoryUsedShare !== null && memoryUsedShare > 0.01 && memoryUsedShare < 0.5);

  const workers = await udpReceivers(kamailio.socket);
  assert.equal(workers.length, 2);
  await frozen(workers, async () => {
    const result = await control.probe(DEADLINE_MS);
    assert.equal(
      reasonOf(result),
      `RPC says yes, SIP says no: no answer to SIP OPTIONS: no answer within ${DEADLINE_MS} ms`,
    );
    assert.deepEqual(verdicts(result), ['rpc ok', 'memory ok', 'sip fail']);
    assert.ok(result.kind === 'fail' && !result.isEnding);
  });
  assert.deepEqual(verdicts(await until(control, 'ok')), ['rpc ok', 'memory ok', 'sip ok']);

  await control.refuseNewWork();
  assert.equal(reasonOf(await control.probe(DEADLINE_MS)), 'ok', '503 is what we asked for');
  await control.acceptNewWork();
  await control.close();
});

test('FreeSWITCH (stand-in): a stopped process fails both ways at the deadline, and is well when it goes on', async () => {
  const host = `${net}.4`;
  const eslPort = await freePort(host);
  const dir = testDir('frozen');
  mkdirSync(join(dir, 'run'), { recursive: true });
  const esl = {
    CARNA_ESL_HOST: host,
    CARNA_ESL_PORT: String(eslPort),
    CARNA_ESL_PASSWORD: 'of-its-own',
  };
  const sip = { CARNA_SIP_HOST: host, CARNA_SIP_PORT: '5060' };
  const standin = run(process.execPath, ['dist/test/lab/standin/main.js'], {
    ...esl,
    ...sip,
    CARNA_NODE_NAME: 'media-1',
    CARNA_MAX_SESSIONS: '50',
    CARNA_HEARTBEAT_MS: '100',
  });
  const control = open({ CARNA_ROLE: 'media', ...esl, ...sip });
  const good = await until(control, 'ok');
  const all = [
    'esl ok',
    'core ok',
    'profile ok',
    'inbound ok',
    'shutdown ok',
    'sessions ok',
    'sip ok',
  ];
  assert.deepEqual(verdicts(good), all);
  await waitUntil('a HEARTBEAT has come', LIMIT_MS, async () => {
    const now = await control.probe(DEADLINE_MS);
    return now.kind === 'ok' && now.note === null && now.load?.idleCpuPercent === 90;
  });
  const pid = standin.pid ?? assert.fail('it was not started');
  await frozen([pid], async () => {
    const result = await control.probe(DEADLINE_MS);
    const late = `no answer within ${DEADLINE_MS} ms`;
    assert.equal(reasonOf(result), `event socket: ${late}; no answer to SIP OPTIONS: ${late}`);
    assert.ok(result.kind === 'fail' && !result.isEnding);
    // Its kernel goes on to accept connections: the next probe hangs in another place.
    assert.equal(
      reasonOf(await control.probe(DEADLINE_MS)),
      `no event socket: ${late}; no answer to SIP OPTIONS: ${late}`,
    );
  });
  assert.deepEqual(verdicts(await until(control, 'ok')), all);
  await control.close();
});

test('FreeSWITCH (stand-in): a wrong password says which variable is wrong', async () => {
  const host = `${net}.5`;
  const eslPort = await freePort(host);
  const env = {
    CARNA_ESL_HOST: host,
    CARNA_ESL_PORT: String(eslPort),
    CARNA_SIP_HOST: host,
    CARNA_SIP_PORT: '5060',
  };
  run(process.execPath, ['dist/test/lab/standin/main.js'], {
    ...env,
    CARNA_NODE_NAME: 'media-1',
    CARNA_ESL_PASSWORD: 'of-its-own',
  });
  const control = open({ CARNA_ROLE: 'media', ...env, CARNA_ESL_PASSWORD: 'another' });
  let said = '';
  await waitUntil('the password is refused', LIMIT_MS, async () => {
    said = reasonOf(await control.probe(DEADLINE_MS));
    return said.includes('refused the password');
  });
  assert.match(
    said,
    /CARNA_ESL_PASSWORD is not the one in event_socket\.conf\.xml \(-ERR invalid\)/,
  );
  assert.ok(!said.includes('another'), 'never the password itself');
  await control.close();
});
