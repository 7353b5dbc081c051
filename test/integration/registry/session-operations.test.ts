import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { before, test } from 'node:test';
import type { CarnaError } from '../../../src/util/errors.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import { freePort } from '../../support/resources.js';
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

/** The name of the error that `work` rejects with, and its ZooKeeper code if any; 'ok' when it does not. */
async function ending(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (err) {
    const { code, zkCode } = err as CarnaError & { zkCode?: string };
    return zkCode === undefined ? code : `${code} ${zkCode}`;
  }
}

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

test('A6 a listener that throws harms neither the others nor later events', async () => {
  const { session } = await connected(proxy.address);
  const seen: string[] = [];
  session.onWatchEvent(() => {
    throw new Error('a bug of a listener');
  });
  session.onWatchEvent((event) => seen.push(`${event.kind} ${event.path}`));
  session.onState(() => {
    throw new Error('a bug of a listener');
  });
  const states: string[] = [];
  session.onState((state) => states.push(state));
  await session.addWatch('/a6', true);
  await session.create('/a6', null);
  await session.create('/a6/x', null);
  await waitUntil('both events', 5_000, () => seen.length === 2);
  assert.deepEqual(seen, ['created /a6', 'created /a6/x']);
  proxy.cut();
  await waitUntil('both states', 5_000, () => states.length === 2);
  assert.deepEqual(states, ['suspended', 'connected']);
  await session.close();
});

test('A7 operations during an outage fail at once and are never executed', async () => {
  const { session } = await connected(proxy.address);
  await session.create('/a7', null);
  await proxy.down();
  await untilState(session, 'suspended');
  const names = Array.from({ length: 10 }, (_, at) => `/a7/${at}`);
  const endings = await Promise.all(names.map((name) => ending(session.create(name, null))));
  assert.deepEqual(new Set(endings), new Set(['CARNA_REGISTRY_NOT_SENT']));
  await proxy.up();
  await untilState(session, 'connected');
  await session.sync('/a7');
  assert.deepEqual(await session.getChildren('/a7'), []);
  await session.close();
});

test('A7 operations in flight when the server falls silent all settle', async () => {
  const { session } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
  proxy.blackHole();
  const endings = await Promise.all(
    Array.from({ length: 20 }, () => ending(session.exists('/a7'))),
  );
  assert.deepEqual(new Set(endings), new Set(['CARNA_REGISTRY_AMBIGUOUS']));
  assert.equal(session.counters.silentCuts, 1);
  proxy.heal();
  await session.close();
});

test('A8 each fault has its class', async () => {
  const { session } = await connected(proxy.address, {
    zkSessionTimeoutMs: 1_000,
    random: () => 0.99,
  });
  await session.create('/a8', null);
  assert.equal(await ending(session.create('/a8', null)), 'CARNA_REGISTRY_REJECTED NODE_EXISTS');
  assert.equal(
    await ending(session.setData('/no', Buffer.from('1'))),
    'CARNA_REGISTRY_REJECTED NO_NODE',
  );
  assert.equal(await ending(session.exists('no slash')), 'CARNA_INVALID_INPUT');
  assert.equal(
    await ending(session.create('/big', Buffer.alloc(1_000_001))),
    'CARNA_INVALID_INPUT',
  );

  loseNext(proxy, 'onClientBytes');
  assert.equal(await ending(session.create('/a8/request', null)), 'CARNA_REGISTRY_AMBIGUOUS');
  await untilState(session, 'connected');
  assert.equal(await session.exists('/a8/request'), null);

  loseNext(proxy, 'onServerBytes');
  assert.equal(await ending(session.create('/a8/reply', null)), 'CARNA_REGISTRY_AMBIGUOUS');
  await untilState(session, 'connected');
  assert.notEqual(await session.exists('/a8/reply'), null);

  const lost = new Promise<string>((resolve) => {
    session.onState((state) => {
      if (state === 'lost') resolve(ending(session.exists('/a8')));
    });
  });
  await proxy.down();
  await untilState(session, 'suspended');
  assert.equal(await ending(session.exists('/a8')), 'CARNA_REGISTRY_NOT_SENT');
  assert.equal(await lost, 'CARNA_REGISTRY_SESSION_OVER');
  await proxy.up();
  await untilState(session, 'connected');
  await session.close();
  assert.equal(await ending(session.exists('/a8')), 'CARNA_REGISTRY_SESSION_OVER');
  assert.deepEqual(
    { ...session.counters.ops, ok: 0 },
    {
      ok: 0,
      notSent: 1,
      rejected: 3,
      ambiguous: 2,
      sessionOver: 2,
    },
  );
});

test('A9 a lost reply on a sequential create leaves exactly one znode', async () => {
  const { session } = await connected(proxy.address);
  await session.create('/a9', null);
  loseNext(proxy, 'onServerBytes');
  const made = session.create('/a9/n-', null, { sequential: true });
  assert.equal(await ending(made), 'CARNA_REGISTRY_AMBIGUOUS');
  await untilState(session, 'connected');
  await wait(300);
  assert.equal((await session.getChildren('/a9'))?.length, 1);
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

test('A18 the chroot is made on first connect and hidden from paths', async () => {
  const { session } = await connected(`${proxy.address}/deep/chroot`);
  await session.ensurePath('/x/y');
  assert.equal(await session.create('/x/y/z', null), '/x/y/z');
  const { session: whole } = await connected(zk.address);
  assert.deepEqual(await whole.getChildren('/deep/chroot/x/y'), ['z']);
  await session.close();
  await whole.close();
});

test('A19 version 0 means 0 in transactions', async () => {
  const { session } = await connected(proxy.address);
  await session.create('/a19', Buffer.from('0'));
  await session.transaction([{ kind: 'check', path: '/a19', version: 0 }]);
  await session.setData('/a19', Buffer.from('1'), 0);
  for (const step of [
    { kind: 'check', path: '/a19', version: 0 },
    { kind: 'setData', path: '/a19', data: Buffer.from('2'), version: 0 },
    { kind: 'remove', path: '/a19', version: 0 },
  ] as const) {
    const outcome = await ending(
      session.transaction([{ kind: 'create', path: '/a19-other', data: null }, step]),
    );
    assert.equal(outcome, 'CARNA_REGISTRY_REJECTED BAD_VERSION', step.kind);
  }
  assert.equal(await session.exists('/a19-other'), null);
  assert.equal((await session.getData('/a19'))?.data?.toString(), '1');
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

/** Loses the next bytes in one direction, then cuts. */
function loseNext(through: FaultProxy, direction: 'onClientBytes' | 'onServerBytes'): void {
  through[direction] = (bytes) => {
    if (bytes.length === 12 || bytes.length === 20) return undefined; // A ping or its answer.
    through[direction] = null;
    setImmediate(() => through.cut());
    return null;
  };
}
