import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { ZkSession } from '../../../src/registry/session.js';
import { waitUntil } from '../../../src/util/wait.js';
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
  test('B2 a znode of our name but of another session is not adopted', async () => {
    const { session } = await connected(zk.address);
    await session.ensurePath('/b2');
    const own = publication(session, '/b2', 'n');
    const stolen = own.znodePath ?? '';
    await eye.create(stolen, Buffer.from('of somebody else'), { ephemeral: true });
    own.set(Buffer.from('mine'));
    assert.ok(await own.settled(5_000));
    assert.notEqual(own.znodePath, stolen);
    const mine = (await standing(eye, '/b2')).filter(({ owner }) => owner === session.zkSessionId);
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
      const found = await standing(eye, '/b3');
      assert.deepEqual(
        found.map(({ text, owner }) => ({ text, owner })),
        [{ text: `c${round}`, owner: session.zkSessionId }],
      );
      await own.close();
      assert.deepEqual(await standing(eye, '/b3'), []);
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
      return (await standing(eye, '/b4'))[0]?.text === 'mine';
    });
    await own.close();
    assert.deepEqual(await standing(eye, '/b4'), []);
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
      (await standing(eye, '/b6')).map(({ text }) => text),
      ['another life'],
    );
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
