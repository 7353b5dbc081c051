import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive } from '../../../src/lab/parts/daemon.js';
import { startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import {
  startZookeeper,
  stopZookeeper,
  zookeeperServes,
} from '../../../src/lab/parts/zookeeper.js';
import { freePort, testDir } from '../../support/resources.js';

test('a real ZooKeeper starts, serves and stops', async () => {
  const options = {
    dir: testDir('zk'),
    host: '127.0.0.1',
    port: await freePort(),
    tickTimeMs: 500,
    env: process.env,
  };
  const server = await startZookeeper(options);
  assert.ok(await zookeeperServes(options.host, options.port));
  await stopZookeeper(server);
  assert.ok(!isAlive(server));
});

test('a private PostgreSQL starts, and starts again on its data', async () => {
  const options = {
    dir: join(testDir('pg'), 'pg'),
    host: '127.0.0.1',
    port: await freePort(),
    password: 'for-this-test-only',
    env: process.env,
  };
  const first = await startPostgres(options);
  await stopPostgres(first);
  assert.ok(!isAlive(first));
  const second = await startPostgres(options);
  assert.ok(isAlive(second));
  await stopPostgres(second);
});
