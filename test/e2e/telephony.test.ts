import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PhoneCall } from '../../src/lab/phones/phone-call.js';
import type { PhoneBank } from '../../src/lab/phones/phone-bank.js';
import { openPhones, registerAll } from '../../src/lab/phones/phone-bank.js';
import { readLab } from '../../src/lab/state.js';
import type { LabState } from '../../src/lab/state.js';
import { waitUntil } from '../../src/util/wait.js';
import { testDir } from '../support/resources.js';
import { Carna, runProgram } from './carna.js';
import { drillPassed, playDrill } from './drills.js';

/** Users' phones on a whole platform: who calls whom, and what survives which loss, on a lab of its own. */
const dir = testDir('telephony');
const runDir = join(dir, 'lab');
const carna = new Carna(runDir);
const NET = `127.${150 + (process.pid % 10) * 2}`;
const LIMIT_MS = 10_000;

interface CallJson {
  readonly sent: number;
  readonly completed: number;
  readonly legsLeft: number;
  readonly calledFaults: readonly string[];
  readonly trunkCalls: readonly number[];
}

before(async () => {
  await carna.run('lab', 'up', '--net', NET);
});

after(async () => {
  await carna.run('lab', 'down');
});

function lab(): LabState {
  const state = readLab(runDir);
  assert.ok(state !== null);
  return state;
}

async function calls(...args: readonly string[]): Promise<CallJson> {
  return carna.json<CallJson>('lab', 'call', ...args);
}

test('the lab says who can register, and where', async () => {
  const { users, nodes } = await carna.status();
  assert.deepEqual([users.domain, users.count], ['carna.test', 20]);
  assert.ok(readFileSync(users.passwordFile, 'utf8').trim().length >= 20);
  const roles = new Set(nodes.map(({ role }) => role));
  assert.equal(roles.size, 5);
});

test('100 calls between phones at 10 a second, each with a re-INVITE: all well, on both sides', async () => {
  const report = await calls('--users', '--calls', '100', '--rate', '10', '--reinvite');
  assert.deepEqual(
    [report.sent, report.completed, report.legsLeft, report.calledFaults],
    [100, 100, 0, []],
  );
});

test('the called phone hangs up, calls are held, and transferred', async () => {
  for (const more of [['--bye', 'callee', '--hold'], ['--transfer']]) {
    const report = await calls('--users', '--calls', '10', '--length', '800', ...more);
    assert.deepEqual([report.completed, report.legsLeft], [10, 0], more.join(' '));
  }
});

test('a trunk that answers 503 loses no call: each completes on the second', async () => {
  const out = ['--out', '+4930123456', '--calls', '5', '--length', '500'];
  const report = await calls(...out, '--refuse', '503');
  assert.deepEqual([report.completed, report.trunkCalls], [5, [5, 5]]);
  const first = await calls(...out);
  assert.deepEqual([first.completed, first.trunkCalls], [5, [5, 0]]);
});

/** Phones with these numbers, all registered. */
async function phones(...numbers: readonly number[]): Promise<PhoneBank> {
  const { plan, secrets } = lab();
  const bank = await openPhones(plan, secrets.userPassword, numbers);
  await registerAll(
    numbers.map((n) => bank.phone(n)),
    300,
  );
  return bank;
}

test('either phone sees what the other does: hold reaches it, and the end', async () => {
  const bank = await phones(1, 2);
  try {
    let called: PhoneCall | undefined;
    bank.phone(2).answer({ ringMs: 10, status: 200, onCall: (call) => (called = call) });
    const attempt = await bank.phone(1).call('sip:phone-2@carna.test', { timeoutMs: LIMIT_MS });
    assert.ok(attempt.kind === 'answered' && called !== undefined, attempt.kind);
    assert.equal(await attempt.call.reinvite('sendonly'), 200);
    assert.equal(called.seen.direction, 'sendonly');
    assert.equal(await called.reinvite('sendrecv'), 200);
    assert.equal(attempt.call.seen.reinvites, 1);
    assert.equal(await called.hangUp(), 200);
    assert.equal(await attempt.call.ended, 'them');
  } finally {
    await bank.close();
  }
});

test('a name that nobody has is not found; a phone that is away is not available', async () => {
  const bank = await phones(1);
  try {
    const dial = (user: string) =>
      bank.phone(1).call(`sip:${user}@carna.test`, { timeoutMs: LIMIT_MS });
    assert.deepEqual(await dial('nobody-here'), { kind: 'refused', status: 404 });
    assert.deepEqual(await dial('phone-19'), { kind: 'refused', status: 480 });
    assert.deepEqual(await dial('ct_0123456789abcdef0123456789abcdef'), {
      kind: 'refused',
      status: 403,
    });
  } finally {
    await bank.close();
  }
});

test('a trunk with a cap of 5 takes five calls at a time; the sixth is refused', async () => {
  const out = ['lab', 'call', '--out', '+99123456', '--json'];
  const one = [...out, '--phones', '1', '--calls', '1', '--length', '100'];
  const succeeds = async (): Promise<boolean> => (await carna.try(one)).code === 0;
  for (const name of ['lab-trunk-1', 'lab-trunk-2'])
    await carna.run('trunk', 'remove', name, '--yes');
  await waitUntil('no trunk', LIMIT_MS, async () => !(await succeeds()), 100);
  const trunk = ['--to', `sip:${NET}.70.1:5060`, '--prefix', '+99'];
  await carna.run('trunk', 'add', 'capped', ...trunk, '--cap', '5');
  await waitUntil('the capped trunk', LIMIT_MS, succeeds, 100);
  const six = [...out, '--phones', '6', '--calls', '6', '--rate', '20', '--length', '4000'];
  const ended = await carna.try(six);
  const report = JSON.parse(ended.stdout) as CallJson & { failed: { why: string }[] };
  assert.equal(ended.code, 1);
  assert.deepEqual(
    [report.completed, report.failed.map(({ why }) => why)],
    [5, ['answered 480']],
    ended.stdout,
  );
});

test('another real SIP phone, baresip, registers, is called and hangs up', async (t) => {
  const { plan } = lab();
  const edge = plan.nodes.find(({ role }) => role === 'load-balancer')?.sip.host ?? '';
  const password = readFileSync((await carna.status()).users.passwordFile, 'utf8').trim();
  const home = join(dir, 'baresip');
  await writeBaresip(home, `${NET}.61.1`, edge, password);
  const process = spawn('baresip', ['-f', home, '-v'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  process.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  t.after(() => void process.kill('SIGKILL'));
  await waitUntil('baresip has registered', LIMIT_MS, () => /200 OK/.test(said), 50);
  const bank = await phones(1);
  try {
    const attempt = await bank.phone(1).call('sip:phone-18@carna.test', { timeoutMs: LIMIT_MS });
    assert.equal(attempt.kind, 'answered', said);
    assert.ok(attempt.kind === 'answered');
    assert.equal(await attempt.call.hangUp(), 200);
    await waitUntil('baresip has hung up', LIMIT_MS, () => /terminated|closed/i.test(said), 50);
  } finally {
    await bank.close();
  }
});

async function writeBaresip(
  home: string,
  host: string,
  edge: string,
  password: string,
): Promise<void> {
  await runProgram('mkdir', ['-p', '-m', '700', home]);
  const { writeFileSync } = await import('node:fs');
  const account = `<sip:phone-18@carna.test>;auth_user=phone-18;auth_pass=${password};outbound="sip:${edge}:5060";answermode=auto;regint=300;medianat=`;
  writeFileSync(join(home, 'accounts'), `${account}\n`, { mode: 0o600 });
  writeFileSync(join(home, 'contacts'), '');
  const modules = ['account.so', 'g711.so', 'aubridge.so', 'menu.so'];
  writeFileSync(
    join(home, 'config'),
    [
      'module_path /usr/lib/baresip/modules',
      `sip_listen ${host}:5060`,
      'audio_source aubridge,nil',
      'audio_player aubridge,nil',
      ...modules.map((module) => `module ${module}`),
      '',
    ].join('\n'),
  );
}

test('a media node killed under calls of users costs the calls that stood on it, and none else', async () => {
  const media = lab().plan.nodes.find(({ name }) => name === 'media-1');
  assert.ok(media !== undefined);
  const many = ['--calls', '80', '--rate', '10', '--length', '1500'];
  const running = carna.try(['lab', 'call', '--users', ...many, '--json']);
  await waitUntil(
    'a call stands on media-1',
    LIMIT_MS,
    async () => (await callsOn('media-1')) > 0,
    100,
  );
  await carna.run('lab', 'kill', 'media-1');
  const ended = await running;
  const report = JSON.parse(ended.stdout) as CallJson & { failed: { node: string | null }[] };
  assert.equal(report.sent, 80);
  const here = `${media.sip.host}:${media.sip.port}`;
  assert.deepEqual(
    report.failed.filter(({ node }) => node !== here),
    [],
    ended.stdout,
  );
  const after = await calls('--users', '--calls', '20', '--length', '200');
  assert.deepEqual([after.completed, after.legsLeft], [20, 0]);
});

async function callsOn(nodeId: string): Promise<number> {
  const { loads } = await carna.json<{ loads: Record<string, number> }>('topology');
  return loads[nodeId] ?? 0;
}

const DRILLS = ['proxies-killed', 'load-balancer-killed', 'dispatchers-lost', 'rolling-restart'];

for (const drill of DRILLS) {
  test(`drill: ${drill}`, async () => {
    await drillPassed(carna, await playDrill(carna, drill, '--rate', '10'));
  });
}

/** Of what calls of users need for their beginning only in part, and registrations for their memory. */
const USER_DRILLS = [
  ['postgres-away', '--for', '20'],
  ['zookeeper-killed', '--for', '5'],
  ['leader-killed'],
];

for (const [name = '', ...more] of USER_DRILLS) {
  test(`drill: ${name} while users call users`, async () => {
    await drillPassed(carna, await playDrill(carna, name, '--users', '--rate', '10', ...more));
  });
}
