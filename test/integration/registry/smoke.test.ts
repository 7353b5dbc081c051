import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connected, proxyTo, untilState, zookeeper } from './lab.js';

test('smoke', async () => {
  const zk = await zookeeper(500);
  const proxy = await proxyTo(zk);
  const { session, states } = await connected(`${proxy.address}/a/b`, {
    auth: { user: 'x', password: 'y' },
  });
  await session.create('/n', Buffer.from('1'), { ephemeral: true });
  assert.equal((await session.getData('/n'))?.data?.toString(), '1');
  assert.equal((await session.exists('/n'))?.ephemeralOwner, session.zkSessionId);
  const events: unknown[] = [];
  session.onWatchEvent((e) => events.push(e));
  await session.addWatch('/', true);
  await session.ensurePath('/x/y/z');
  await session.sync('/');
  await session.transaction([
    { kind: 'check', path: '/n', version: 0 },
    { kind: 'create', path: '/x/q', data: null },
  ]);
  assert.deepEqual(await session.getChildren('/x'), ['y', 'q']);
  proxy.cut();
  await untilState(session, 'suspended');
  await untilState(session, 'connected');
  console.log(events, states, session.counters);
  await session.close();
  console.log(states);
});
