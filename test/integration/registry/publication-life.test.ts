import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { splitIncarnation } from '../../../src/registry/paths.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { TestServer } from './lab.js';
import { LENGTH, connected, proxyTo, untilState, zookeeper } from './lab.js';
import { publication, standing } from './publications.js';
import { randomFrom } from './random-from.js';

let zk: TestServer;
let eye: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: eye } = await connected(zk.address));
});

describe('publications', { concurrency: true }, () => {
  test('B1 a restart under the same id never meets its former znode and leaves no gap', async () => {
    const proxy = await proxyTo(zk);
    const { session: first } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    const one = publication(first, '/b1', 'n');
    one.set(Buffer.from('first life'));
    assert.ok(await one.settled(5_000));
    const [former] = await standing(eye, '/b1');
    // As kill -9: its bytes and its close never arrive, so the server keeps the session until its time-out.
    proxy.blackHole();
    const { session: second } = await connected(zk.address, { zkSessionTimeoutMs: 1_000 });
    const two = publication(second, '/b1', 'n');
    two.set(Buffer.from('second life'));
    assert.ok(await two.settled(5_000));
    const both = await standing(eye, '/b1');
    const youngest = both.reduce((a, b) => (a.czxid > b.czxid ? a : b));
    assert.equal(youngest.text, 'second life');
    assert.notEqual(youngest.name, former?.name);
    assert.deepEqual(
      new Set(both.map(({ name }) => splitIncarnation(name)?.nodeId)),
      new Set(['n']),
    );
    await waitUntil('the former is gone', 10_000, async () => {
      const now = await standing(eye, '/b1');
      assert.ok(now.some(({ text }) => text === 'second life'));
      return now.length === 1;
    });
    await first.close();
    await two.close();
  });

  test('B4 starting and closing at once leaves nothing', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    const random = randomFrom(5);
    for (let round = 0; round < 100 * LENGTH; round++) {
      const own = publication(session, '/b4-race', `n${round}`);
      own.set(Buffer.from('x'));
      if (random() < 0.3) await wait(random() * 3);
      if (random() < 0.05) proxy.cut();
      await own.close();
      await untilState(session, 'connected');
    }
    await waitUntil(
      'nothing is left',
      10_000,
      async () => (await standing(eye, '/b4-race')).length === 0,
    );
  });

  test('B8 a drain is seen in order: draining, gone', async () => {
    const { session } = await connected(zk.address);
    const { session: watcher } = await connected(zk.address);
    const own = publication(session, '/b8', 'n');
    own.set(Buffer.from('up'));
    assert.ok(await own.settled(5_000));
    const path = own.znodePath ?? '';
    const seen: string[] = [];
    watcher.onWatchEvent((event) => seen.push(event.kind));
    await watcher.addWatch(path, false);
    own.set(Buffer.from('draining'));
    assert.ok(await own.settled(5_000));
    assert.equal(String((await watcher.getData(path))?.data), 'draining');
    own.set(null);
    assert.ok(await own.settled(5_000));
    await session.close();
    await waitUntil('both notices', 5_000, () => seen.length === 2);
    assert.deepEqual(seen, ['changed', 'deleted']);
  });

  test('B1 a new session publishes again by itself', async () => {
    const proxy = await proxyTo(zk);
    const { session, states } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    const own = publication(session, '/b1-again', 'n');
    own.set(Buffer.from('x'));
    assert.ok(await own.settled(5_000));
    await proxy.down();
    await untilState(session, 'suspended');
    assert.equal(await own.settled(0), false);
    await waitUntil('lost', 15_000, () => states.includes('lost'));
    await proxy.up();
    assert.ok(await own.settled(15_000));
    await waitUntil('only the new one', 10_000, async () => {
      const found = await standing(eye, '/b1-again');
      return found.length === 1 && found[0]?.owner === session.zkSessionId;
    });
    await own.close();
  });
});
