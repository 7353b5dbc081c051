import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { waitUntil } from '../../../src/util/wait.js';
import { RawClient } from '../../lab/standin/esl-client.js';
import { HOST, RECORDED, startLab } from '../../lab/standin/running.js';
import { testDir } from '../../support/resources.js';

const SIP_PORT = 15080;
const ESL_PORT = 18031;
const PATIENCE_MS = 30_000;

interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Standin {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
}

const started: ChildProcess[] = [];
const sockets = new Set<Socket>();
after(() => {
  for (const socket of sockets) socket.close();
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

/** One caller on a UDP port of its own. */
class Caller {
  readonly received: string[] = [];
  readonly #socket: Socket;
  readonly #port: number;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#port = socket.address().port;
    socket.on('message', (bytes) => this.received.push(bytes.toString()));
  }

  static async open(): Promise<Caller> {
    const socket = createSocket('udp4');
    sockets.add(socket);
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    return new Caller(socket);
  }

  send(method: string, branch: string, cseq: number, toTag: string | null = null): void {
    const lines = [
      `${method} sip:park@${HOST}:${SIP_PORT} SIP/2.0`,
      `Via: SIP/2.0/UDP ${HOST}:${this.#port};branch=z9hG4bK-${branch}`,
      `From: <sip:ann@${HOST}:${this.#port}>;tag=f${this.#port}`,
      `To: <sip:park@${HOST}:${SIP_PORT}>${toTag === null ? '' : `;tag=${toTag}`}`,
      `Call-ID: call-${this.#port}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:ann@${HOST}:${this.#port}>`,
      'Content-Length: 0',
      '',
      '',
    ];
    this.#socket.send(lines.join('\r\n'), SIP_PORT, HOST);
  }

  /** The first message that begins with `start`. */
  async gets(start: string): Promise<string> {
    const find = (): string | undefined => this.received.find((text) => text.startsWith(start));
    await waitUntil(`caller gets ${start}`, PATIENCE_MS, () => find() !== undefined, 2);
    return find() ?? '';
  }

  async callUp(): Promise<void> {
    this.send('INVITE', 'i', 1);
    const ok = await this.gets('SIP/2.0 200');
    this.send('ACK', 'a', 1, /\r\nTo: .*;tag=(\S+)/.exec(ok)?.[1] ?? '');
  }

  answer(request: string): void {
    const rest = request.slice(request.indexOf('\r\n'));
    this.#socket.send(`SIP/2.0 200 OK${rest}`, SIP_PORT, HOST);
  }

  close(): void {
    sockets.delete(this.#socket);
    this.#socket.close();
  }
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

test('shutdown elegant blocks its connection until the last call ends, and does not refuse new calls', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const asking = await RawClient.login(HOST, ESL_PORT);
  const watching = await RawClient.login(HOST, ESL_PORT);
  await watching.ask('event plain SHUTDOWN_REQUESTED SHUTDOWN');
  const first = await Caller.open();
  await first.callUp();
  asking.write('api fsctl shutdown elegant\n\napi uptime\n\n');
  await watching.received(4);
  assert.match(
    watching.messages[3] ?? '',
    /Event-Name: SHUTDOWN_REQUESTED\n[^]*Event-Info: elegant\n/,
  );
  assert.equal(await watching.ask('api fsctl shutdown_check'), 'true');
  assert.equal(await watching.ask('api fsctl ready_check'), 'true');
  const second = await Caller.open();
  await second.callUp();
  assert.equal(asking.messages.length, 2, 'both answers wait');
  for (const uuid of lab.standin.switch.callIds)
    lab.standin.profile.hangup(uuid, 'NORMAL_CLEARING');
  first.answer(await first.gets('BYE '));
  second.answer(await second.gets('BYE '));
  await asking.closed();
  assert.match(asking.messages[2] ?? '', /\+OK\n$/);
  assert.match(asking.messages[3] ?? '', /\n\n\d+\n$/);
  assert.match(asking.messages.at(-1) ?? '', /The system is being shut down\.\n$/);
  assert.ok(watching.messages.some((m) => m.includes('Event-Name: SHUTDOWN\n')));
  assert.equal(await lab.code, 0);
  first.close();
  second.close();
});

test('shutdown asap pauses, cancel takes everything back; restart gives a new Core-UUID', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const esl = await RawClient.login(HOST, ESL_PORT);
  const caller = await Caller.open();
  await caller.callUp();
  await esl.ask('event plain BACKGROUND_JOB');
  await esl.ask('bgapi fsctl shutdown asap');
  assert.equal(await esl.ask('api fsctl pause_check'), 'true');
  assert.equal(await esl.ask('api fsctl shutdown_check'), 'true');
  const before = esl.messages.length;
  esl.write('api fsctl shutdown cancel\n\n');
  await esl.received(before + 2);
  assert.ok(esl.messages.some((m) => /Job-Command-Arg: shutdown%20asap[^]*\+OK\n$/.test(m)));
  assert.equal(await esl.ask('api fsctl pause_check'), 'false');
  assert.equal(await esl.ask('api fsctl shutdown_check'), 'false');
  assert.equal(lab.standin.switch.active, 1);

  const uuid = await esl.ask('api global_getvar core_uuid');
  await esl.ask('api fsctl hupall');
  caller.answer(await caller.gets('BYE '));
  esl.write('api fsctl shutdown restart\n\n');
  await esl.closed();
  let again: RawClient | null = null;
  await waitUntil('it is back', PATIENCE_MS, async () => {
    again = await RawClient.login(HOST, ESL_PORT).catch(() => null);
    return again !== null;
  });
  const back = again as RawClient | null;
  assert.notEqual(await back?.ask('api global_getvar core_uuid'), uuid);
  back?.close();
  caller.close();
  assert.equal(await lab.stop(), 0);
});

test('silence before auth is ended, one bad command lifts the limit, a half-close says goodbye', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT, preauthMs: 150 });
  const spoke = await RawClient.open(HOST, ESL_PORT);
  assert.equal((await spoke.received(1), spoke.messages.length), 1);
  spoke.write('hello\n\n');
  await spoke.received(2);
  const silent = await RawClient.open(HOST, ESL_PORT);
  await silent.closed();
  assert.match(silent.messages[1] ?? '', /Content-Length: 67\n\nDisconnected, goodbye\.\n/);
  spoke.write('auth ClueCon\n\n');
  await spoke.received(3);
  assert.match(spoke.messages[2] ?? '', /\+OK accepted/);
  spoke.socket.end();
  await spoke.closed();
  assert.match(spoke.messages[3] ?? '', /Content-Length: 67\n\nDisconnected, goodbye\.\n/);
  await lab.stop();
});

test('events wait behind a running api, and reach every subscribed connection', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const busy = await RawClient.login(HOST, ESL_PORT);
  const other = await RawClient.login(HOST, ESL_PORT);
  for (const client of [busy, other]) await client.ask('event json BACKGROUND_JOB');
  busy.write('api msleep 300\n\n');
  other.write('bgapi hostname\n\n');
  await other.received(5);
  assert.equal(busy.messages.length, 3, 'blocked');
  await busy.received(5);
  assert.match(busy.messages[3] ?? '', /\+OK$/);
  assert.match(busy.messages[4] ?? '', /"_body":"media-1"/);
  await lab.stop();
});

test('a client that breaks a limit is closed, and the others are served on', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const good = await RawClient.login(HOST, ESL_PORT);
  const endless = await RawClient.login(HOST, ESL_PORT);
  endless.write(Buffer.alloc(80 * 1024, 'x'));
  await endless.closed();
  const huge = await RawClient.login(HOST, ESL_PORT);
  huge.write('sendevent CUSTOM\nContent-Length: 99999999\n\n');
  await huge.closed();
  assert.equal(await good.ask('api hostname'), 'media-1');
  await lab.stop();
});

test('fsctl loglevel without a level silences every log until a level is set', async () => {
  const lab = await startLab({ ...RECORDED, sipPort: SIP_PORT, eslPort: ESL_PORT });
  const esl = await RawClient.login(HOST, ESL_PORT);
  await esl.ask('log debug');
  assert.equal(await esl.ask('api fsctl loglevel'), '+OK log level: DISABLE [-1]\n');
  await esl.ask('api log err lost');
  assert.equal(await esl.ask('api fsctl loglevel debug'), '+OK log level: DEBUG [7]\n');
  const before = esl.messages.length;
  esl.write('api log err kept\n\n');
  await esl.received(before + 2);
  const lines = esl.messages.filter((m) => m.startsWith('Content-Type: log/data'));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /kept\n$/);
  await lab.stop();
});
