import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { before, test } from 'node:test';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import { freePort } from '../../support/resources.js';
import { ending } from './ending.js';
import type { TestServer } from './lab.js';
import {
  HOST,
  LENGTH,
  atEnd,
  connected,
  openSession,
  proxyTo,
  untilState,
  zookeeper,
} from './lab.js';

let zk: TestServer;
let proxy: FaultProxy;
before(async () => {
  zk = await zookeeper(500);
  proxy = await proxyTo(zk);
});

test('A4 half a reply is dropped with its connection and the next one works', async () => {
  const { session } = await connected(proxy.address);
  await session.create('/a4', Buffer.alloc(500_000, 'x'));
  for (let round = 0; round < 10 * LENGTH; round++) {
    for (const sizeBytes of [100_000, 500_085, 3]) {
      proxy.cutServerBytesAt(sizeBytes);
      assert.equal(await ending(session.getData('/a4')), 'CARNA_REGISTRY_AMBIGUOUS');
      await untilState(session, 'connected');
    }
  }
  assert.equal((await session.getData('/a4'))?.data?.length, 500_000);
  assert.equal(session.counters.contained, 0);
  await session.close();
});

test('A5 error codes unknown to the package reject the operation, not the process', async () => {
  const strict = await zookeeper(500, [
    'enforceQuota=true',
    'enforce.auth.enabled=true',
    'enforce.auth.schemes=digest',
  ]);
  const { session } = await connected(strict.address, { auth: { user: 'u', password: 'p' } });
  await session.ensurePath('/small');
  await session.ensurePath('/zookeeper/quota/small');
  const limits = Buffer.from('count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2');
  await session.create('/zookeeper/quota/small/zookeeper_limits', limits);
  const none = Buffer.from('count=1,bytes=0');
  await session.create('/zookeeper/quota/small/zookeeper_stats', none);
  await session.create('/small/1', null);
  const over = await ending(session.create('/small/2', null));
  assert.equal(over, 'CARNA_REGISTRY_REJECTED QUOTA_EXCEEDED');
  assert.equal(session.counters.contained, 1);
  assert.equal(session.state, 'connected');

  const { session: anonymous } = await connected(strict.address);
  const denied = await ending(anonymous.exists('/small'));
  assert.equal(denied, 'CARNA_REGISTRY_REJECTED SESSION_CLOSED_REQUIRE_AUTH');
  assert.equal(anonymous.counters.contained, 1);
  await anonymous.close();
  await session.close();
});

test('A5 garbage from a server cuts that connection and is counted', async () => {
  const garbage = [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    Buffer.alloc(300, 0xff),
    Buffer.from([0, 0, 0, 4, 1, 2, 3, 4]),
    Buffer.concat([Buffer.from([0, 0, 0, 36]), Buffer.alloc(36, 0x7f)]),
  ];
  let served = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(garbage[served++ % garbage.length] ?? ''));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  atEnd(() => void server.close());
  const { session } = openSession(`${HOST}:${port}`, { random: () => 0, zkSessionTimeoutMs: 400 });
  await waitUntil('all garbage served', 20_000, () => served >= garbage.length);
  assert.notEqual(session.state, 'connected');
  assert.ok(session.counters.contained >= 3, `contained ${session.counters.contained}`);
  assert.match(session.lastFault ?? '', /the ZooKeeper client failed|closed/);
  await session.close();
});

test('A14 authentication precedes the first operation of every connection', async () => {
  const auth = { user: 'carna', password: 'for-this-test-only' };
  const { session } = await connected(proxy.address, { auth });
  await session.create('/a14', Buffer.from('0'));
  const endings: Promise<string>[] = [];
  const off = session.onState((state) => {
    if (state === 'connected') endings.push(ending(session.setData('/a14', Buffer.from('1'))));
  });
  for (let round = 1; round <= 20; round++) {
    proxy.cut();
    await waitUntil(`reconnect ${round}`, 10_000, () => endings.length === round, 2);
    await endings.at(-1);
  }
  off();
  assert.deepEqual(new Set(await Promise.all(endings)), new Set(['ok']));
  await session.close();
});

test('A15 the package re-sends no watches: one cut, one reconnect', async () => {
  const { session } = await connected(proxy.address);
  await session.create('/a15', null);
  const names = Array.from({ length: 2_000 * LENGTH }, (_, at) => `/a15/${at}`);
  await Promise.all(names.map((name) => session.exists(name, { watch: true })));
  const setWatches = Buffer.from([0xff, 0xff, 0xff, 0xf8, 0, 0, 0, 101]);
  let resent = 0;
  proxy.onClientBytes = (bytes) => {
    if (bytes.includes(setWatches)) resent += 1;
    return undefined;
  };
  const acceptedBefore = proxy.accepted;
  proxy.cut();
  await untilState(session, 'suspended');
  await untilState(session, 'connected');
  await wait(500);
  proxy.onClientBytes = null;
  assert.equal(resent, 0);
  assert.equal(proxy.accepted - acceptedBefore, 1);
  await session.close();
});

test('the proxy itself passes, refuses and goes down', async () => {
  const own = await proxyTo(zk);
  const closed = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(own.address.split(':')[1]), HOST);
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(true));
      socket.on('connect', () => setTimeout(() => resolve(socket.destroyed), 200));
      atEnd(() => void socket.destroy());
    });
  assert.equal(await closed(), false);
  own.refuse();
  assert.equal(await closed(), true);
  await own.down();
  assert.equal(await closed(), true);
});
