import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { RawClient } from '../../lab/standin/esl-client.js';
import { HOST } from '../../lab/standin/running.js';
import { testDir } from '../../support/resources.js';
import { Caller, closeCallers, ESL_PORT, PATIENCE_MS, SIP_PORT } from './standin-caller.js';

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Standin {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
}

const started: ChildProcess[] = [];
after(() => {
  closeCallers();
  for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
});

async function start(): Promise<Standin> {
  const child = spawn(process.execPath, ['dist/test/lab/standin/main.js'], {
    env: {
      ...process.env,
      CARNA_SIP_HOST: HOST,
      CARNA_SIP_PORT: String(SIP_PORT),
      CARNA_ESL_HOST: HOST,
      CARNA_ESL_PORT: String(ESL_PORT),
      CARNA_ESL_PASSWORD: 'ClueCon',
      CARNA_NODE_NAME: 'media-1',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const exit = new Promise<Exit>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitUntil('the stand-in is ready', PATIENCE_MS, () => output.includes('stand-in ready'));
  return { process: child, exit };
}

async function runSipp(calls: number, rate: number): Promise<number> {
  const scenario = `${process.cwd()}/test/fixtures/esl-standin/uac.xml`;
  const args = [
    '-sf',
    scenario,
    '-i',
    HOST,
    '-p',
    '15090',
    '-m',
    String(calls),
    '-r',
    String(rate),
  ];
  const more = ['-d', '500', '-s', 'park', '-nostdin', '-timeout', '60', `${HOST}:${SIP_PORT}`];
  const child = spawn('sipp', [...args, ...more], {
    cwd: testDir('sipp'),
    stdio: 'ignore',
    env: { ...process.env, TERM: 'dumb' },
  });
  started.push(child);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
}

test('200 calls at 50 a second all succeed; SIGTERM ends standing calls with BYE and exits 0', async () => {
  const standin = await start();
  assert.equal(await runSipp(200, 50), 0, 'sipp must see every call succeed');
  const esl = await RawClient.login(HOST, ESL_PORT);
  const status = JSON.parse(await esl.ask('api json {"command":"status","data":""}')) as {
    response: { sessions: { count: { total: number; active: number } } };
  };
  assert.equal(status.response.sessions.count.total, 200);
  assert.equal(status.response.sessions.count.active, 0);

  const caller = await Caller.open();
  await caller.callUp();
  standin.process.kill('SIGTERM');
  const bye = await caller.gets('BYE ');
  assert.match(bye, /Reason: SIP;cause=701;text="SYSTEM_SHUTDOWN"/);
  caller.answer(bye);
  await esl.closed();
  assert.match(
    esl.messages.at(-1) ?? '',
    /Content-Length: 31\n\nThe system is being shut down\.\n$/,
  );
  assert.deepEqual(await standin.exit, { code: 0, signal: null });
  caller.close();
});

test('paused: INVITE and OPTIONS get 503, a call in progress goes on; kill -9 is a bare FIN', async () => {
  const standin = await start();
  const esl = await RawClient.login(HOST, ESL_PORT);
  const standing = await Caller.open();
  await standing.callUp();
  assert.equal(await esl.ask('api fsctl pause inbound'), '+OK\n');
  const late = await Caller.open();
  late.send('INVITE', 'i', 1);
  assert.match(await late.gets('SIP/2.0 503'), /Maximum Calls In Progress\r\n[^]*Retry-After: 300/);
  late.send('OPTIONS', 'o', 2);
  await waitUntil('503 to OPTIONS', PATIENCE_MS, () =>
    late.received.some((m) => m.startsWith('SIP/2.0 503') && m.includes('2 OPTIONS')),
  );
  const tag = /\r\nTo: .*;tag=(\S+)/.exec(await standing.gets('SIP/2.0 200'))?.[1] ?? '';
  standing.send('BYE', 'b', 2, tag);
  await waitUntil('200 to BYE', PATIENCE_MS, () =>
    standing.received.some((m) => m.startsWith('SIP/2.0 200') && m.includes('2 BYE')),
  );
  const before = esl.messages.length;
  standin.process.kill('SIGKILL');
  await esl.closed();
  assert.equal(esl.messages.length, before, 'no notice');
  // The kernel closes the connection and the listening port one after the other.
  assert.deepEqual(await standin.exit, { code: null, signal: 'SIGKILL' });
  await assert.rejects(RawClient.open(HOST, ESL_PORT), /ECONNREFUSED/);
  standing.close();
  late.close();
});

test('a stopped process accepts connections and answers nothing; after SIGCONT it answers', async () => {
  const standin = await start();
  const esl = await RawClient.login(HOST, ESL_PORT);
  standin.process.kill('SIGSTOP');
  await waitUntil('the process is stopped', PATIENCE_MS, () =>
    /\) T /.test(readFileSync(`/proc/${standin.process.pid}/stat`, 'utf8')),
  );
  const before = esl.messages.length;
  esl.write('api hostname\n\n');
  const second = await RawClient.open(HOST, ESL_PORT);
  assert.equal(second.messages.length, 0);
  assert.equal(esl.messages.length, before);
  standin.process.kill('SIGCONT');
  await esl.received(before + 1);
  await second.received(1);
  const answered = esl.messages.length;
  esl.write('api fsctl shutdown now\n\n');
  await esl.closed();
  assert.equal(esl.messages.length, answered, 'no answer, no notice');
  assert.deepEqual(await standin.exit, { code: 0, signal: null });
  second.close();
});
