import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { KamailioRole } from '../../../src/topology/node.js';
import {
  kamailioBinary,
  kamailioCommand,
  kamailioConfig,
  kamailioModulePath,
} from '../../../src/lab/parts/kamailio.js';
import { MissingPartError } from '../../../src/util/errors.js';
import { freePort, loopbackNet, testDir } from '../../support/resources.js';

const run = promisify(execFile);
const ROLES: readonly KamailioRole[] = ['load-balancer', 'dispatcher'];
const SECRET = 'not-for-any-log';
const REQUIRED = {
  CARNA_SIP_HOST: `${loopbackNet()}.1`,
  CARNA_SIP_PORT: '5060',
  CARNA_CTL_SOCKET: join(testDir('ctl'), 'ctl'),
  CARNA_KAMAILIO_DB_URL: `postgres://kamailio:${SECRET}@127.0.0.1:1/carna`,
};
const OPTIONAL = {
  CARNA_DISPATCHER_TABLE: 'another_view',
  CARNA_NODE_ID: 'lb-1',
  CARNA_PING_INTERVAL: '10',
  CARNA_FR_TIMER_MS: '500',
  CARNA_CHILDREN: '1',
  CARNA_LOG_CALLS: '1',
  CARNA_PIKE_REQUESTS: '0',
  CARNA_TCP: '1',
  CARNA_ADVERTISE: '127.0.0.1',
  CARNA_REGISTERS_PER_SECOND: '0',
  CARNA_BAN_SECONDS: '5',
  CARNA_DIALOG_KEEPALIVE_S: '60',
  CARNA_PRESENCE: '0',
  CARNA_LAMP_SECONDS: '30',
  CARNA_SIP_DOMAIN: 'carna.test',
  CARNA_ROUTE_SECRET: 'not-for-any-log-either',
  CARNA_TLS_CERT: '/nowhere/cert.pem',
  CARNA_TLS_KEY: '/nowhere/key.pem',
  CARNA_TLS_PORT: '5071',
};

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function outcome(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = '/',
): Promise<Outcome> {
  const [program = '', ...args] = command;
  // Nothing of our own environment but what marks the processes of the run.
  const { PATH = '', CARNA_TEST_RUN = '' } = process.env;
  try {
    const options = { env: { PATH, CARNA_TEST_RUN, ...env }, cwd, timeout: 20_000 };
    const { stdout, stderr } = await run(program, args, options);
    return { code: 0, output: stdout + stderr };
  } catch (err) {
    const failed = err as { code?: number; stdout?: string; stderr?: string };
    return { code: Number(failed.code), output: `${failed.stdout}${failed.stderr}` };
  }
}

const check = async (file: string, env: Readonly<Record<string, string>>): Promise<Outcome> =>
  outcome([kamailioBinary(process.env), '-c', '-f', file], env);

for (const role of ROLES) {
  test(`${role}: accepted without a warning, with defaults and with every variable set`, async () => {
    for (const env of [REQUIRED, { ...REQUIRED, ...OPTIONAL }]) {
      const { code, output } = await check(kamailioConfig(role), env);
      assert.equal(code, 0, output);
      assert.doesNotMatch(output, /WARNING|ERROR/);
    }
  });

  for (const name of Object.keys(REQUIRED)) {
    test(`${role}: without ${name} it does not start and says so`, async () => {
      const env = Object.fromEntries(Object.entries(REQUIRED).filter(([key]) => key !== name));
      const { code, output } = await check(kamailioConfig(role), env);
      assert.notEqual(code, 0);
      assert.match(output, new RegExp(`not defined \\[${name}\\]`));
    });
  }

  test(`${role}: the folder can live anywhere`, async () => {
    const elsewhere = testDir('moved');
    cpSync(dirname(dirname(kamailioConfig(role))), elsewhere, { recursive: true });
    const { code, output } = await check(join(elsewhere, role, 'kamailio.cfg'), REQUIRED);
    assert.equal(code, 0, output);
  });

  test(`${role}: with the database down it ends by itself and keeps the password to itself`, async () => {
    const port = await freePort();
    const runDir = testDir(role);
    const binary = kamailioBinary(process.env);
    const command = kamailioCommand({ role, binary, runDir, shmMb: 32, pkgMb: 4 });
    const url = `postgres://kamailio:${SECRET}@127.0.0.1:${port}/carna`;
    const { code, output } = await outcome(command, { ...REQUIRED, CARNA_KAMAILIO_DB_URL: url });
    assert.equal(code, 255, output);
    assert.match(output, /connection to server at "127\.0\.0\.1"/);
    assert.ok(!output.includes(SECRET), 'the password stands in the log');
    assert.ok(!command.join(' ').includes(SECRET));
  });
}

test('load-balancer: a certificate without its key is refused by name', async () => {
  const env = { ...REQUIRED, CARNA_TLS_CERT: '/nowhere/cert.pem' };
  const { code, output } = await check(kamailioConfig('load-balancer'), env);
  assert.notEqual(code, 0);
  assert.match(output, /not defined \[CARNA_TLS_KEY\]/);
});

test('the load-balancer listens by TCP unless told otherwise, the dispatcher by UDP alone', async () => {
  const listening = async (role: KamailioRole, env = {}): Promise<string[]> =>
    (await check(kamailioConfig(role), { ...REQUIRED, ...env })).output.match(/udp: |tcp: /g) ?? [];
  assert.deepEqual(await listening('load-balancer'), ['udp: ', 'tcp: ']);
  assert.deepEqual(await listening('load-balancer', { CARNA_TCP: '0' }), ['udp: ']);
  assert.deepEqual(await listening('dispatcher'), ['udp: ']);
  assert.deepEqual(await listening('dispatcher', { CARNA_TCP: '1' }), ['udp: ', 'tcp: ']);
});

test('Kamailio is found where the environment says, or its absence is named with the remedy', () => {
  const missing = { CARNA_KAMAILIO: '/nowhere/kamailio' };
  assert.throws(() => kamailioBinary(missing), /\/nowhere\/kamailio[^]*kamailio-postgres-modules/);
  assert.ok(kamailioBinary({ PATH: '' }).endsWith('/sbin/kamailio'), 'also off the PATH');
});

test('a Kamailio elsewhere brings its modules; one without the PostgreSQL driver is refused', () => {
  const prefix = testDir('prefix');
  const modules = join(prefix, 'lib', 'x86_64-linux-gnu', 'kamailio', 'modules');
  mkdirSync(modules, { recursive: true });
  mkdirSync(join(prefix, 'sbin'));
  const binary = join(prefix, 'sbin', 'kamailio');
  writeFileSync(binary, '');
  assert.equal(kamailioModulePath(binary), null);
  writeFileSync(join(modules, 'tm.so'), '');
  assert.equal(kamailioModulePath(binary), modules);
  assert.throws(() => kamailioBinary({ CARNA_KAMAILIO: binary }), MissingPartError);
  writeFileSync(join(modules, 'db_postgres.so'), '');
  assert.equal(kamailioBinary({ CARNA_KAMAILIO: binary }), binary);
  assert.equal(kamailioModulePath(kamailioBinary({})), null, "the system's own knows its modules");
});
