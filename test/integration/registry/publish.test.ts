import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { EphemeralPublication } from '../../../src/registry/publish.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { splitIncarnation } from '../../../src/registry/paths.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { TestServer } from './lab.js';
import { LENGTH, connected, proxyTo, quiet, untilState, zookeeper } from './lab.js';

let zk: TestServer;
let eye: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: eye } = await connected(zk.address));
});

function publication(
  session: ZkSession,
  parentPath: string,
  id: string,
  verifyMs = 5_000,
): EphemeralPublication {
  return new EphemeralPublication(session, { parentPath, id, log: quiet, verifyMs });
}

/** What lies below `parent`: name, data and owner of each znode. */
async function standing(
  parent: string,
): Promise<{ name: string; text: string; owner: bigint; czxid: bigint }[]> {
  await eye.sync(parent);
  const names = (await eye.getChildren(parent)) ?? [];
  const found = await Promise.all(
    names.map(async (name) => {
      const znode = await eye.getData(`${parent}/${name}`);
      return znode === null
        ? []
        : [
            {
              name,
              text: String(znode.data),
              owner: znode.stat.ephemeralOwner,
              czxid: znode.stat.czxid,
            },
          ];
    }),
  );
  return found.flat();
}

/** Pseudo-random, so that a failing run can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('publications', { concurrency: true }, () => {
  test('B1 a restart under the same id never meets its former znode and leaves no gap', async () => {
    const proxy = await proxyTo(zk);
    const { session: first } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    const one = publication(first, '/b1', 'n');
    one.set(Buffer.from('first life'));
    assert.ok(await one.settled(5_000));
    const [former] = await standing('/b1');
    // As kill -9: its bytes and its close never arrive, so the server keeps the session until its time-out.
    proxy.blackHole();
    const { session: second } = await connected(zk.address, { zkSessionTimeoutMs: 1_000 });
    const two = publication(second, '/b1', 'n');
    two.set(Buffer.from('second life'));
    assert.ok(await two.settled(5_000));
    const both = await standing('/b1');
    const youngest = both.reduce((a, b) => (a.czxid > b.czxid ? a : b));
    assert.equal(youngest.text, 'second life');
    assert.notEqual(youngest.name, former?.name);
    assert.deepEqual(
      new Set(both.map(({ name }) => splitIncarnation(name)?.nodeId)),
      new Set(['n']),
    );
    await waitUntil('the former is gone', 10_000, async () => {
      const now = await standing('/b1');
      assert.ok(now.some(({ text }) => text === 'second life'));
      return now.length === 1;
    });
    await first.close();
    await two.close();
  });

  test('B2 a znode of our name but of another session is not adopted', async () => {
    const { session } = await connected(zk.address);
    await session.ensurePath('/b2');
    const own = publication(session, '/b2', 'n');
    const stolen = own.znodePath ?? '';
    await eye.create(stolen, Buffer.from('of somebody else'), { ephemeral: true });
    own.set(Buffer.from('mine'));
    assert.ok(await own.settled(5_000));
    assert.notEqual(own.znodePath, stolen);
    const mine = (await standing('/b2')).filter(({ owner }) => owner === session.zkSessionId);
    assert.deepEqual(
      mine.map(({ text }) => text),
      ['mine'],
    );
    assert.equal(String((await eye.getData(stolen))?.data), 'of somebody else');
    await own.close();
  });

  test('B3 lost requests and replies never leave more or less than one znode of ours', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    const random = randomFrom(11);
    for (let round = 0; round < 30 * LENGTH; round++) {
      const own = publication(session, '/b3', 'n');
      const lost = random() < 0.5 ? 'onClientBytes' : 'onServerBytes';
      let passing = Math.floor(random() * 4);
      proxy[lost] = () => {
        if (passing-- > 0) return undefined;
        proxy[lost] = null;
        setImmediate(() => proxy.cut());
        return null;
      };
      own.set(Buffer.from(`a${round}`));
      if (random() < 0.5) own.set(Buffer.from(`b${round}`));
      const wanted = Buffer.from(`c${round}`);
      own.set(wanted);
      assert.ok(await own.settled(15_000), `round ${round}: ${own.fault ?? 'no fault'}`);
      proxy[lost] = null;
      await untilState(session, 'connected');
      const found = await standing('/b3');
      assert.deepEqual(
        found.map(({ text, owner }) => ({ text, owner })),
        [{ text: `c${round}`, owner: session.zkSessionId }],
      );
      await own.close();
      assert.deepEqual(await standing('/b3'), []);
    }
    assert.ok(session.counters.ops.ambiguous > 5, JSON.stringify(session.counters));
  });

  test('B4 a znode that somebody deleted or overwrote is put right', async () => {
    const { session } = await connected(zk.address);
    const own = publication(session, '/b4', 'n', 300);
    own.set(Buffer.from('mine'));
    assert.ok(await own.settled(5_000));
    for (let round = 0; round < 5; round++) {
      const path = own.znodePath ?? '';
      await eye.remove(path);
      await waitUntil('it is back', 10_000, async () => (await eye.exists(path)) !== null, 5);
    }
    await eye.setData(own.znodePath ?? '', Buffer.from('foreign'));
    await waitUntil('its data is back', 10_000, async () => {
      return (await standing('/b4'))[0]?.text === 'mine';
    });
    await own.close();
    assert.deepEqual(await standing('/b4'), []);
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
      async () => (await standing('/b4-race')).length === 0,
    );
  });

  test('B6 the newest wish wins and overtaken ones are never written', async () => {
    const { session } = await connected(zk.address);
    const own = publication(session, '/b6', 'n');
    own.set(Buffer.from('0'));
    assert.ok(await own.settled(5_000));
    for (let wish = 1; wish <= 1_000; wish++) own.set(Buffer.from(String(wish)));
    assert.ok(await own.settled(5_000));
    const path = own.znodePath ?? '';
    assert.equal(String((await eye.getData(path))?.data), '1000');
    const writes = (await eye.exists(path))?.dataVersion ?? 0;
    assert.ok(writes <= 2, `${writes} writes`);
    own.newIncarnation();
    own.set(Buffer.from('another life'));
    assert.ok(await own.settled(5_000));
    assert.notEqual(own.znodePath, path);
    assert.deepEqual(
      (await standing('/b6')).map(({ text }) => text),
      ['another life'],
    );
    await own.close();
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
      const found = await standing('/b1-again');
      return found.length === 1 && found[0]?.owner === session.zkSessionId;
    });
    await own.close();
  });
});

test('B7 every znode carries our access list', async () => {
  const auth = { user: 'carna', password: 'for-this-test-only' };
  const { session } = await connected(zk.address, { auth });
  const own = publication(session, '/b7/nodes', 'n');
  own.set(Buffer.from('x'));
  assert.ok(await own.settled(5_000));
  await session.transaction([{ kind: 'create', path: '/b7/made', data: null }]);
  const path = own.znodePath ?? '';
  assert.equal(String((await eye.getData(path))?.data), 'x');
  const refused = { zkCode: 'NO_AUTH' };
  await assert.rejects(eye.setData(path, Buffer.from('y')), refused);
  await assert.rejects(eye.remove(path), refused);
  for (const parent of ['/b7', '/b7/nodes', '/b7/made']) {
    await assert.rejects(eye.create(`${parent}/foreign`, null), refused);
    await assert.rejects(eye.setData(parent, Buffer.from('y')), refused);
  }
  await own.close();
});

test('B10 a session refuses more ephemerals than a server can close', async () => {
  const { session } = await connected(zk.address);
  await session.create('/b10', null);
  const names = Array.from({ length: 10_000 }, (_, at) => `/b10/${at}`);
  for (let at = 0; at < names.length; at += 1_000) {
    const some = names.slice(at, at + 1_000);
    await Promise.all(some.map((name) => session.create(name, null, { ephemeral: true })));
  }
  const oneMore = session.create('/b10/more', null, { ephemeral: true });
  await assert.rejects(oneMore, { code: 'CARNA_INVALID_INPUT' });
  await session.remove('/b10/0');
  await session.create('/b10/more', null, { ephemeral: true });
  await session.close();
});
