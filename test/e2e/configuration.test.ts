import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ProcessIdentity } from '../../src/lab/parts/daemon.js';
import { startPostgres, stopPostgres } from '../../src/lab/parts/postgres.js';
import { startZookeeper, stopZookeeper } from '../../src/lab/parts/zookeeper.js';
import { freePort, testDir } from '../support/resources.js';
import { Carna } from './carna.js';

const dir = testDir('configuration');
const carna = new Carna(join(dir, 'no-lab-here'));
const HOST = '127.0.0.1';
const PASSWORD = 'the-right-one';
let postgres: ProcessIdentity;
let zookeeper: ProcessIdentity;
let databasePort: number;
let zookeeperPort: number;

before(async () => {
  [databasePort, zookeeperPort] = [await freePort(), await freePort()];
  const common = { host: HOST, env: process.env };
  zookeeper = await startZookeeper({
    ...common,
    dir: join(dir, 'zk'),
    port: zookeeperPort,
    tickTimeMs: 500,
  });
  postgres = await startPostgres({
    ...common,
    dir: join(dir, 'pg'),
    port: databasePort,
    password: PASSWORD,
  });
});

after(async () => {
  await stopPostgres(postgres);
  await stopZookeeper(zookeeper);
});

const url = (password: string): string =>
  `postgresql://postgres:${password}@${HOST}:${databasePort}/postgres`;

test('all faults of an agent\u2019s configuration are told together, secrets are not shown', async () => {
  const { code, stderr } = await carna.try(['agent'], {
    CARNA_ZOOKEEPER: 'no port',
    CARNA_ROLE: 'mediа',
    CARNA_SERVER_COMMAND: 'kamailio -f x',
    CARNA_CHECK_INTERVAL_MS: 'soon',
    CARNA_DATABASE_URL: 'mysql://root:hunter2@db/x',
  });
  assert.equal(code, 2);
  const variables = ['ZOOKEEPER', 'ROLE', 'SERVER_COMMAND', 'CHECK_INTERVAL_MS', 'DATABASE_URL'];
  for (const name of [...variables, 'NODE_ID', 'SIP_HOST', 'STATE_DIR']) {
    assert.match(stderr, new RegExp(`CARNA_${name}`));
  }
  assert.doesNotMatch(stderr, /hunter2/);
});

test('init makes tables and znodes, and a second time finds them', async () => {
  const passwordFile = join(dir, 'url');
  writeFileSync(passwordFile, `${url(PASSWORD)}\n`, { mode: 0o600 });
  const env = {
    CARNA_ZOOKEEPER: `${HOST}:${zookeeperPort}`,
    CARNA_DATABASE_URL_FILE: passwordFile,
  };
  const first = await carna.try(['init'], env);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /migrated/);
  const second = await carna.try(['init'], env);
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stdout, /up to date/);
});

test('a wrong database password is told, and not shown', async () => {
  const { code, stderr } = await carna.try(['init'], {
    CARNA_ZOOKEEPER: `${HOST}:${zookeeperPort}`,
    CARNA_DATABASE_URL: url('a-wrong-password'),
  });
  assert.equal(code, 3);
  assert.match(stderr, /password authentication failed/);
  assert.doesNotMatch(stderr, /a-wrong-password/);
});

test('a ZooKeeper address that does not resolve is told with its cause', async () => {
  const { code, stderr } = await carna.try(['nodes'], {
    CARNA_ZOOKEEPER: 'zookeeper.invalid:2181',
    CARNA_DATABASE_URL: url(PASSWORD),
  });
  assert.equal(code, 3);
  assert.match(stderr, /zookeeper\.invalid/);
  assert.match(stderr, /ENOTFOUND|EAI_AGAIN/);
});
