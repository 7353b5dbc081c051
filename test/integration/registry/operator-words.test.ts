import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { wipeZookeeper } from '../../../src/lab/parts/zookeeper.js';
import type { Registry } from '../../../src/registry/registry.js';
import { waitUntil } from '../../../src/util/wait.js';
import { intentRecord } from '../../registry/records.js';
import { freePort, testDir } from '../../support/resources.js';
import { atEnd, TestServer, zookeeper } from './lab.js';
import { registryAt } from './open-registry.js';

let zk: TestServer;
before(async () => {
  zk = await zookeeper(500);
});

const registry = (dc: string, withAuth = true): Promise<Registry> =>
  registryAt(zk.address, dc, withAuth);

test("an operator's word against the guards is seen, replaced and taken away, and then no later one", async () => {
  const agent = await registry('guards');
  const all = agent.watchAll();
  const word = { schema: 1, setid: 30, by: 'ann', why: 'gone', since: 1, until: 2 } as const;
  await agent.writeOverride(word);
  await agent.writeOverride({ ...word, why: 'really gone' });
  await waitUntil('the word', 5_000, () => all.overrides().records.get(30)?.why === 'really gone');
  await agent.writeOverride({ ...word, since: 2, until: 3 });
  await agent.removeOverride(word);
  await agent.removeOverride(word);
  await waitUntil('the next one', 5_000, () => all.overrides().records.get(30)?.since === 2);
  await agent.removeOverride({ setid: 30, since: 2 });
  await agent.removeOverride({ setid: 30, since: 2 });
  await waitUntil('no word', 5_000, () => all.overrides().records.size === 0);
  all.close();
});

test('of two operators who change one word at once neither overwrites the other', async () => {
  const both = await Promise.all([registry('two'), registry('two')]);
  const nobodys = intentRecord({ why: '' });
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      both.map((one, i) =>
        one.changeIntent('media-1', (present) => {
          const { why, ...rest } = present ?? nobodys;
          return { ...rest, why: `${why}${i}` };
        }),
      ),
    );
  }
  const { why } = await both[0].changeIntent('media-1', (present) => present ?? nobodys);
  assert.equal([...why].sort().join(''), '0'.repeat(10) + '1'.repeat(10));
});

test('a word is taken away only as it was read: what somebody else makes of it meanwhile stands', async () => {
  const [one, other] = await Promise.all([registry('taken'), registry('taken')]);
  const ours = intentRecord();
  const theirs = intentRecord({ now: true });
  for (let round = 0; round < 10; round++) {
    await one.writeIntent(ours);
    await Promise.all([
      one.changeIntent('media-1', (present) => (present?.now === true ? present : null)),
      other.changeIntent('media-1', () => theirs),
    ]);
    assert.deepEqual(await one.changeIntent('media-1', (present) => present), theirs);
  }
  assert.equal(await one.changeIntent('media-1', () => null), null);
  assert.equal(await other.changeIntent('media-1', (present) => present), null);
});

test("an operator's word outlives ZooKeeper's data as long as the agent lives, and can be taken back", async () => {
  const server = new TestServer(testDir('zk-wiped'), await freePort(), 500, []);
  await server.start();
  atEnd(() => server.stop());
  const agent = await registryAt(server.address, 'wiped');
  const operator = await registryAt(server.address, 'wiped');
  const view = agent.watchForAgent('media-1');
  await view.whenFresh(5_000);
  await operator.writeIntent(intentRecord());
  await waitUntil('the intent', 5_000, () => view.intent().record !== null);
  await operator.removeIntent('media-1');
  await waitUntil('its end', 5_000, () => view.intent().record === null);
  await operator.writeIntent(intentRecord({ want: 'maintenance' }));
  await waitUntil('another', 5_000, () => view.intent().record?.want === 'maintenance');
  await agent.removeIntent('media-9'); // Answered after what the view asked on the same session.
  await server.stop();
  wipeZookeeper(server.dir);
  await server.start();
  const all = operator.watchAll();
  let lapses = 0;
  await waitUntil('it is written again', 20_000, () => {
    if (view.intent().record?.want !== 'maintenance') lapses += 1;
    return all.isFresh() && all.intents().records.get('media-1')?.record.want === 'maintenance';
  });
  assert.equal(lapses, 0);
  await operator.removeIntent('media-1');
  await waitUntil('its end', 5_000, () => view.intent().record === null);
  assert.equal(all.intents().records.size, 0);
  view.close();
  all.close();
});

test('a word that is taken back before its agent saw it written again stays away', async () => {
  const server = new TestServer(testDir('zk-wiped'), await freePort(), 500, []);
  await server.start();
  atEnd(() => server.stop());
  const agent = await registryAt(server.address, 'wiped');
  const operator = await registryAt(server.address, 'wiped');
  const view = agent.watchForAgent('media-1');
  const all = operator.watchAll();
  await operator.writeIntent(intentRecord());
  await waitUntil('the intent', 5_000, () => view.intent().record !== null);
  await agent.removeIntent('media-9'); // Answered after what the view asked on the same session.
  await server.stop();
  await waitUntil('the loss', 5_000, () => !view.isFresh() && !all.isFresh());
  wipeZookeeper(server.dir);
  await server.start();
  await waitUntil('a full look', 20_000, () => view.isFresh() && all.isFresh());
  assert.notEqual(view.intent().record, null);
  // From here on the agent's view is not asked before the word is gone again.
  await waitUntil('it is written again', 20_000, () => all.intents().records.has('media-1'));
  await operator.removeIntent('media-1');
  await agent.removeIntent('media-9'); // Answered after the agent's session was told of it.
  await waitUntil('its end', 5_000, () => view.intent().record === null);
  view.close();
  all.close();
});
