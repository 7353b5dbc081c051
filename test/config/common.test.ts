import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLI_VARIABLES, loadAccountConfig, loadCliConfig } from '../../src/config/cli.js';
import type { EndpointSource } from '../../src/config/cli.js';
import { COMMON_VARIABLES } from '../../src/config/common.js';
import type { CommonConfig } from '../../src/config/common.js';
import { compileConfig, describeVariables } from '../../src/config/variables.js';
import type { Env } from '../../src/config/variables.js';
import { ConfigError } from '../../src/util/errors.js';

const GOOD: Env = {
  CARNA_ZOOKEEPER: 'zk1:2181,zk2:2181/pbx',
  CARNA_DATABASE_URL: 'postgresql://carna:s3cret@db:5432/kamailio',
};

const noFile = (path: string): string => {
  throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
};

function load(env: Env, readFile = noFile): CommonConfig {
  return compileConfig(COMMON_VARIABLES, env, readFile);
}

function faults(env: Env, readFile = noFile): readonly string[] {
  try {
    load(env, readFile);
  } catch (err) {
    assert.ok(err instanceof ConfigError);
    return err.faults;
  }
  return assert.fail('the configuration was accepted');
}

test('defaults fill what is unset, values are compiled and cannot be changed', () => {
  const config = load({ ...GOOD, CARNA_LOG_LEVEL: '' });
  assert.equal(config.cluster, 'carna');
  assert.equal(config.dc, 'dc1');
  assert.equal(config.sessionTimeoutMs, 10_000);
  assert.equal(config.logLevel, 'info');
  assert.equal(config.zookeeperAuth, null);
  assert.deepEqual(config.zookeeper, {
    connectString: 'zk1:2181,zk2:2181/pbx',
    servers: [
      { host: 'zk1', port: 2181 },
      { host: 'zk2', port: 2181 },
    ],
    chroot: '/pbx',
  });
  assert.ok(Object.isFrozen(config));
});

test('all faults are reported together, each with its variable, what was expected and found', () =>
  assert.deepEqual(
    faults({
      CARNA_CLUSTER: 'Prod/1',
      CARNA_ZOOKEEPER: 'zk1',
      CARNA_ZK_SESSION_TIMEOUT_MS: '5s',
      CARNA_LOG_LEVEL: 'loud',
    }),
    [
      'CARNA_CLUSTER: expected a lower-case name of at most 32 letters, digits and dashes, found "Prod/1"',
      'CARNA_ZOOKEEPER: expected host:port[,host:port…][/chroot], found "zk1"',
      'CARNA_ZK_SESSION_TIMEOUT_MS: expected whole milliseconds from 500 to 120000, found "5s"',
      'CARNA_DATABASE_URL (or CARNA_DATABASE_URL_FILE): expected postgresql://user:password@host:port/database, found nothing',
      'CARNA_LOG_LEVEL: expected trace | debug | info | warn | error | fatal | silent, found "loud"',
    ],
  ));

test('the value of a secret is in no fault', () => {
  const all = faults({
    CARNA_ZOOKEEPER: 'zk1:2181',
    CARNA_ZOOKEEPER_AUTH: 'hunter2-without-colon',
    CARNA_DATABASE_URL: 'mysql://root:hunter2@db/kamailio',
  });
  assert.equal(all.length, 2);
  assert.doesNotMatch(all.join('\n'), /hunter2/);
});

test('a secret can come from a file, without the newline at its end', () => {
  const env = { ...GOOD, CARNA_ZOOKEEPER_AUTH_FILE: '/run/secrets/zk' };
  const config = load(env, (path) => {
    assert.equal(path, '/run/secrets/zk');
    return 'carna:pw\n';
  });
  assert.equal(config.zookeeperAuth, 'carna:pw');
});

test('a secret given twice and a file that cannot be read are faults', () =>
  assert.deepEqual(
    faults({
      ...GOOD,
      CARNA_DATABASE_URL_FILE: '/run/secrets/db',
      CARNA_ZOOKEEPER_AUTH_FILE: '/run/secrets/zk',
    }),
    [
      'CARNA_ZOOKEEPER_AUTH_FILE: expected a readable file, found ENOENT for "/run/secrets/zk"',
      'CARNA_DATABASE_URL: expected it or CARNA_DATABASE_URL_FILE, found both',
    ],
  ));

for (const bad of [
  'zk1:0',
  'zk1:70000',
  'zk1:2181,',
  ',zk1:2181',
  'zk 1:2181',
  'zk1:2181/',
  '[::1]:2181',
  'zk1:2181/a//b',
  'zk1:2181/..',
]) {
  test(`"${bad}" is no ZooKeeper address`, () =>
    assert.match(faults({ ...GOOD, CARNA_ZOOKEEPER: bad })[0] ?? '', /^CARNA_ZOOKEEPER: /));
}

test('a fault between variables is reported when each is good by itself', () =>
  assert.throws(
    () =>
      compileConfig(COMMON_VARIABLES, GOOD, noFile, (c) => [`${c.cluster} and ${c.dc} quarrel`]),
    /carna and dc1 quarrel/,
  ));

test('the table for the manual names each variable once, secrets with their file', () => {
  const docs = describeVariables(COMMON_VARIABLES);
  const names = docs.map((doc) => doc.name);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('CARNA_DATABASE_URL_FILE'));
  assert.ok(!names.includes('CARNA_LOG_LEVEL_FILE'));
  for (const doc of docs) assert.ok(doc.meaning !== '' && doc.expected !== '');
  for (const v of Object.values(CLI_VARIABLES)) {
    if (v.fallback !== null) assert.ok(v.parse(v.fallback), `default of ${v.name}`);
  }
});

function lab(expected: string | null): EndpointSource {
  return {
    findLab: async (runDir) => {
      assert.equal(runDir, expected);
      return {
        runDir: '/run/lab',
        variables: { ...GOOD, CARNA_ZOOKEEPER: '127.0.0.1:2181', CARNA_CLUSTER: 'lab' },
      };
    },
  };
}
const noLab: EndpointSource = { findLab: async () => null };
const never: EndpointSource = { findLab: () => assert.fail('asked for a lab') };

test('without CARNA_ZOOKEEPER a running lab gives the addresses; what is set wins', async () => {
  const config = await loadCliConfig({ CARNA_CLUSTER: 'mine' }, noFile, lab(null));
  assert.equal(config.zookeeper.connectString, '127.0.0.1:2181');
  assert.equal(config.cluster, 'mine');
  assert.equal(config.labDir, '/run/lab');
});

test('CARNA_LAB names the lab, "off" asks for none, CARNA_ZOOKEEPER needs none', async () => {
  await loadCliConfig({ CARNA_LAB: '/other' }, noFile, lab('/other'));
  await assert.rejects(loadCliConfig({ CARNA_LAB: 'off' }, noFile, never), ConfigError);
  const config = await loadCliConfig(GOOD, noFile, never);
  assert.equal(config.labDir, null);
});

test("a secret's file in the environment beats the lab's value", async () => {
  const env = { CARNA_DATABASE_URL_FILE: '/f' };
  const config = await loadCliConfig(env, () => 'postgres://other/db', lab(null));
  assert.equal(config.databaseUrl, 'postgres://other/db');
});

test('operators need ZooKeeper but not PostgreSQL to be named', async () => {
  const config = await loadCliConfig({ CARNA_ZOOKEEPER: '127.0.0.1:2181' }, noFile, noLab);
  assert.equal(config.databaseUrl, null);
  await assert.rejects(
    loadCliConfig({}, noFile, noLab),
    /CARNA_ZOOKEEPER: expected .* found nothing/,
  );
});

test('users and trunks need no ZooKeeper; a lab gives its databases where nothing names a platform', async () => {
  const url = 'postgresql://m:pw@db/k';
  const config = await loadAccountConfig({ CARNA_MANAGER_DATABASE_URL: url }, noFile, never);
  assert.deepEqual([config.managerDatabaseUrl, config.databaseUrl], [url, null]);
  const source = lab('/other');
  const inLab = await loadAccountConfig({ CARNA_LAB: '/other' }, noFile, source);
  assert.equal(inLab.databaseUrl, GOOD.CARNA_DATABASE_URL);
  await loadAccountConfig({ CARNA_LAB: 'off' }, noFile, never);
});

for (const name of [
  'CARNA_ZOOKEEPER',
  'CARNA_DATABASE_URL',
  'CARNA_DATABASE_URL_FILE',
  'CARNA_MANAGER_DATABASE_URL',
  'CARNA_MANAGER_DATABASE_URL_FILE',
]) {
  test(`users are never changed in a lab where ${name} names a platform`, async () => {
    const env = { [name]: name === 'CARNA_ZOOKEEPER' ? 'zk:2181' : 'postgres://a/b' };
    const config = await loadAccountConfig(env, () => 'postgres://a/b', never);
    const isManager = name.startsWith('CARNA_MANAGER');
    assert.equal(config.managerDatabaseUrl, isManager ? 'postgres://a/b' : null);
  });
}
