import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import { ending } from './ending.js';
import type { TestServer } from './lab.js';
import { connected, proxyTo, untilState, zookeeper } from './lab.js';

let zk: TestServer;
let proxy: FaultProxy;
before(async () => {
  zk = await zookeeper(500);
  proxy = await proxyTo(zk);
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

/** Loses the next bytes in one direction, then cuts. */
function loseNext(through: FaultProxy, direction: 'onClientBytes' | 'onServerBytes'): void {
  through[direction] = (bytes) => {
    if (bytes.length === 12 || bytes.length === 20) return undefined; // A ping or its answer.
    through[direction] = null;
    setImmediate(() => through.cut());
    return null;
  };
}
