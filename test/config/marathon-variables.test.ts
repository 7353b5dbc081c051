import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marathonGroupOf, openConfiguredMarathon } from '../../src/cli/configured-marathon.js';
import type { CliConfig } from '../../src/config/cli.js';
import { loadCliConfig } from '../../src/config/cli.js';
import { ConfigError } from '../../src/util/errors.js';

const noLab = { findLab: async () => null };
const noFile = (path: string): string => {
  throw Object.assign(new Error(path), { code: 'ENOENT' });
};
const load = (env: Readonly<Record<string, string>>): Promise<CliConfig> =>
  loadCliConfig({ CARNA_ZOOKEEPER: 'zk:2181', ...env }, noFile, noLab);

async function refuses(env: Readonly<Record<string, string>>, why: RegExp): Promise<void> {
  await assert.rejects(load(env), (err) => err instanceof ConfigError && why.test(err.message));
}

test('without CARNA_MARATHON everything else works, and asking for it says what is missing', async () => {
  const config = await load({});
  assert.equal(config.marathon, null);
  assert.throws(() => openConfiguredMarathon(config), /CARNA_MARATHON: expected http/);
});

test('several addresses, a path, and the group of the data centre', async () => {
  const config = await load({
    CARNA_MARATHON: 'http://m1:8080, https://m2/marathon',
    CARNA_CLUSTER: 'prod',
    CARNA_DC: 'ber',
  });
  assert.deepEqual(config.marathon, ['http://m1:8080', 'https://m2/marathon']);
  assert.equal(marathonGroupOf(config), '/prod/ber');
  openConfiguredMarathon(config);
});

for (const text of ['m1:8080', 'http://bob:pw@m1:8080', 'ftp://m1', 'http://m1?x=1']) {
  test(`${text} is no address of a Marathon`, () =>
    refuses({ CARNA_MARATHON: text }, /CARNA_MARATHON: expected http/));
}

test('a user needs a password, a password a user, and a token neither', async () => {
  await refuses({ CARNA_MARATHON_USER: 'bob' }, /CARNA_MARATHON_PASSWORD: expected with/);
  await refuses({ CARNA_MARATHON_PASSWORD: 'x' }, /CARNA_MARATHON_USER: expected with/);
  const both = { CARNA_MARATHON_USER: 'bob', CARNA_MARATHON_PASSWORD: 's3cret-word' };
  await refuses({ ...both, CARNA_MARATHON_TOKEN: 'token=abc' }, /expected it or a user/);
});

test('an authority that cannot be read is named before anything is sent', async () => {
  const config = await load({
    CARNA_MARATHON: 'https://m1',
    CARNA_MARATHON_CA: '/nowhere/ca.pem',
  });
  assert.throws(() => openConfiguredMarathon(config), /CARNA_MARATHON_CA: .*PEM/);
});
