import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BusPeer } from './bus-peer.js';
import { BusPlatform } from './bus-platform.js';

const CONTACTS = 10_000;

let platform: BusPlatform;
let one: BusPeer, two: BusPeer;

before(async () => {
  platform = await BusPlatform.open();
  one = await platform.node(1);
  two = await platform.node(2);
  await one.start();
  await one.up();
  await one.register('phone', CONTACTS);
  await one.untilContacts(CONTACTS);
});
after(() => platform.close());

test('ten thousand contacts are there when the newcomer is published as up', async (t) => {
  await two.start();
  assert.ok(((await two.up()) ?? 0) >= 0.99 * CONTACTS);
  t.diagnostic((await two.health())?.bus?.sync ?? '');
  await two.untilContacts(CONTACTS);
});

test('and again when it was killed', async (t) => {
  const before = (await two.health())?.instanceId;
  await two.killServer();
  await two.untilInstanceAfter(before ?? '');
  assert.ok(((await two.up()) ?? 0) >= 0.99 * CONTACTS);
  t.diagnostic((await two.health())?.bus?.sync ?? '');
  await two.untilContacts(CONTACTS);
});
