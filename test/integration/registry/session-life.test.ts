import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import { freePort, testDir } from '../../support/resources.js';
import type { TestServer } from './lab.js';
import {
  HOST,
  LENGTH,
  TestServer as Server,
  atEnd,
  connected,
  openSession,
  proxyTo,
  quiet,
  recordingLog,
  untilState,
  zookeeper,
} from './lab.js';

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

/** A server of our own on a free port; its sockets are destroyed at the end. */
async function fakeServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `${HOST}:${port}`;
}

describe('a living session', { concurrency: true }, () => {
  test('A1 a session that only receives notices is not expired', async () => {
    const { session, states } = await connected(zk.address, { zkSessionTimeoutMs: 1_000 });
    const { session: writer } = await connected(zk.address);
    await writer.create('/a1', null);
    let notices = 0;
    session.onWatchEvent(() => (notices += 1));
    await session.addWatch('/a1', true);
    const rounds = 40 * LENGTH;
    for (let round = 0; round < rounds; round++) {
      await writer.setData('/a1', Buffer.from(String(round)));
      await wait(100);
    }
    assert.deepEqual(states, ['connected']);
    assert.ok(notices >= rounds * 0.9, `${notices} notices`);
    assert.equal(session.counters.expired, 0);
  });

  test('E1 a session time-out other than the one asked for is told', async () => {
    const { log, lines } = recordingLog();
    const { session } = await connected(zk.address, { zkSessionTimeoutMs: 600, log });
    assert.equal(session.zkSessionTimeoutMs, 1_000);
    const told = lines.filter(({ msg }) => msg === 'ZooKeeper changed the session time-out');
    assert.deepEqual(
      told.map(({ askedMs, negotiatedMs }) => [askedMs, negotiatedMs]),
      [[600, 1_000]],
    );
  });

  test('A3 a server that accepts and says nothing is left for the next one', async () => {
    const silent = await fakeServer(() => undefined);
    // random() = the order of the list, so the silent one comes first.
    let calls = 0;
    const { session } = openSession(`${silent},${zk.address}`, {
      connectTimeoutMs: 500,
      random: () => (calls++ % 2 === 0 ? 0 : 0.5),
    });
    await session.whenConnected(10_000);
    assert.equal(session.counters.connectCuts, 1);
  });

  test('A12 a first connection that fails has a cause', async () => {
    const port = await freePort();
    const silent = await fakeServer(() => undefined);
    const full = await fakeServer((socket) => socket.destroy());
    const cases = [
      { target: `${HOST}:${port}`, cause: /ECONNREFUSED/ },
      { target: 'no-such-host.invalid:2181', cause: /ENOTFOUND|EAI_AGAIN|no TCP connection/ },
      { target: silent, cause: /no session reply within 500 ms/ },
      { target: full, cause: /closed the connection|ECONNRESET|EPIPE/ },
    ];
    for (const { target, cause } of cases) {
      const { session } = openSession(target, { connectTimeoutMs: 500 });
      await waitUntil(`a fault of ${target}`, 10_000, () => session.lastFault !== null, 5);
      assert.match(session.lastFault ?? '', cause);
      assert.equal(session.state, 'connecting');
      await assert.rejects(session.whenConnected(10), cause);
      await session.close();
    }
  });

  test('A12 a connection above the limit of the server has a cause and comes when there is room', async () => {
    const small = await zookeeper(500, ['maxClientCnxns=2']);
    const { session: one } = await connected(small.address);
    await connected(small.address);
    const { session: third } = openSession(small.address);
    await waitUntil('a fault', 10_000, () => third.lastFault !== null, 5);
    assert.match(third.lastFault ?? '', /closed the connection|ECONNRESET|EPIPE/);
    await one.close();
    await third.whenConnected(10_000);
  });

  test('A13 close ends in every state, and removes our ephemerals when connected', async () => {
    const proxy = await proxyTo(zk);
    const options = { zkSessionTimeoutMs: 1_000, connectTimeoutMs: 500 };
    const { session: eye } = await connected(zk.address);
    const nobody = await freePort();

    const { session: fresh } = openSession(`${HOST}:${nobody}`, options);
    await fresh.close();
    assert.equal(fresh.state, 'closed');

    const { session: waiting } = openSession(await fakeServer(() => undefined), options);
    await wait(100);
    await waiting.close();

    const { session: up } = await connected(proxy.address, options);
    await up.create('/a13', null, { ephemeral: true });
    await up.close();
    await up.close();
    await eye.sync('/a13');
    assert.equal(await eye.exists('/a13'), null);

    const { session: held } = await connected(proxy.address, options);
    proxy.blackHole();
    await held.close();
    proxy.heal();

    const { session: suspended } = await connected(proxy.address, options);
    const { session: lost } = await connected(proxy.address, { ...options, random: () => 0.99 });
    let closedWhenLost = false;
    lost.onState((state) => {
      if (state === 'lost') void lost.close().then(() => (closedWhenLost = true));
    });
    await proxy.down();
    await untilState(suspended, 'suspended');
    await suspended.close();
    await waitUntil('closed when lost', 10_000, () => closedWhenLost);
    await proxy.up();
  });
});

describe('a session that ends', { concurrency: true }, () => {
  test('A10 a server whose data was wiped gets a new session', async () => {
    const server = new Server(testDir('zk-wiped'), await freePort(), 500, []);
    await server.start();
    const { session, states } = await connected(server.address, { zkSessionTimeoutMs: 2_000 });
    for (let at = 0; at < 20; at++) await session.create(`/n${at}`, null);
    const former = session.zkSessionId;
    await server.stop();
    const empty = new Server(testDir('zk-empty'), server.port, 500, []);
    await empty.start();
    atEnd(() => empty.stop());
    await waitUntil('a new session', 10_000, () => {
      return session.state === 'connected' && session.zkSessionId !== former;
    });
    assert.equal(await session.exists('/n0'), null);
    assert.deepEqual(states, ['connected', 'suspended', 'lost', 'connected']);
    assert.equal(session.counters.recycled, 1);
  });

  test('A10 a session frozen past its end is replaced by exactly one', async () => {
    const proxy = await proxyTo(zk);
    const { session, states } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    const former = session.zkSessionId;
    const endMs = performance.now() + 3_000;
    while (performance.now() < endMs); // As SIGSTOP: nothing of ours runs, the server goes on.
    await waitUntil('a new session', 10_000, () => {
      return session.state === 'connected' && session.zkSessionId !== former;
    });
    await wait(500);
    assert.deepEqual(states, ['connected', 'suspended', 'lost', 'connected']);
    assert.equal(session.counters.expired, 1);
    assert.equal(session.counters.recycled, 0);
    assert.equal(proxy.open, 1);
  });

  test('A10 many recycles leave neither sockets nor timers', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const timersBefore = timers();
    let open = 0;
    const address = await fakeServer((socket) => {
      open += 1;
      socket.on('close', () => (open -= 1));
      socket.once('data', (request) => {
        const isResumed = request.readBigInt64BE(20) !== 0n;
        // A new session is granted and the connection cut; its return is told that it expired.
        socket.end(sessionReply(isResumed ? 0 : 1_000, 7n));
      });
    });
    const session = ZkSession.open({
      connectString: address,
      zkSessionTimeoutMs: 1_000,
      auth: null,
      log: quiet,
      random: () => 0,
    });
    const rounds = 60 * LENGTH;
    await waitUntil('the recycles', 60_000, () => session.counters.expired >= rounds, 5);
    await session.close();
    await waitUntil('no open sockets', 5_000, () => open === 0);
    // The other tests of this group run meanwhile; a leak would show as one timer a round.
    assert.ok(timers() < timersBefore + rounds / 4, `${timersBefore} before, ${timers()} after`);
  });
});

function sessionReply(timeoutMs: number, sessionId: bigint): Buffer {
  const reply = Buffer.alloc(41);
  reply.writeInt32BE(37, 0);
  reply.writeInt32BE(timeoutMs, 8);
  reply.writeBigInt64BE(timeoutMs === 0 ? 0n : sessionId, 12);
  reply.writeInt32BE(16, 20);
  return reply;
}
