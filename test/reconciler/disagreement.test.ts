import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flush } from '../agent/support/fake-time.js';
import { record } from '../topology/records.js';
import { leading } from './admission-rig.js';

test('without an answer in time it is listed inactive, and told once it is silent', async () => {
  const it = await leading();
  it.answerMs = 1_000;
  it.world.answers = () => 'silent';
  it.world.show(record('a'), record('b'));
  await it.time.advance(260);
  assert.equal(it.rows(), 'a 8, b 9');
  assert.equal(it.finding('b'), undefined, 'it is only not asked to the end');
  await it.time.advance(1_000);
  assert.equal(it.finding('b'), 'disagreed');
  const begins = it.world.logged.filter((text) => text.startsWith('agent and witness disagree'));
  assert.equal(begins.length, 1);
  const { znodes, commits } = it.world;
  const before = [znodes.length, commits.length];
  await it.time.advance(60_000);
  assert.deepEqual([znodes.length, commits.length], before, 'what did not change is not written');
  assert.equal(it.reconciler?.status().witnessed?.counts.disagreed, 1);
  await it.resign();
});

test('a late answer makes it active and ends the disagreement', async () => {
  const it = await leading();
  it.world.answers = () => 'silent';
  it.world.show(record('a'), record('b'));
  await it.time.advance(3_000);
  assert.deepEqual([it.rows(), it.finding('b')], ['a 8, b 9', 'disagreed']);
  it.world.answers = () => 'answers';
  await it.time.advance(2_000);
  assert.deepEqual([it.rows(), it.finding('b')], ['a 8, b 8', undefined]);
  assert.equal(it.world.znode?.witnessed, undefined);
  assert.ok(it.world.logged.includes('agent and witness no longer disagree'));
  it.world.answers = () => 'silent';
  await it.time.advance(60_000);
  assert.equal(it.rows(), 'a 8, b 8', 'it is admitted: nobody asks it any more');
  await it.resign();
});

test('a new leader asks no admitted node again, and goes on asking the other, since when it was', async () => {
  const it = await leading();
  it.world.answers = () => 'silent';
  it.world.show(record('a'), record('b'));
  await it.time.advance(3_000);
  const since = it.world.znode?.witnessed?.nodes[0]?.sinceMs;
  await it.resign();
  const rows = it.world.tableGeneration;
  it.lead();
  await it.time.advance(10_000);
  assert.equal(it.world.tableGeneration, rows, 'no row changed');
  assert.equal(it.world.znode?.epoch, 2);
  assert.equal(it.finding('b'), 'disagreed');
  assert.equal(it.world.znode?.witnessed?.nodes[0]?.sinceMs, since);
  it.world.answers = () => 'answers';
  await it.time.advance(2_000);
  assert.equal(it.rows(), 'a 8, b 8');
  await it.resign();
});

test('a vanished node that answers and then does not is told each time, in few writes', async () => {
  const it = await leading();
  it.world.show(record('a'), record('b'), record('c'));
  await it.time.advance(5_000);
  let isAlive = true;
  it.world.answers = () => (isAlive ? 'answers' : 'silent');
  it.world.show(record('a'), record('c'));
  await it.time.advance(2_000);
  assert.equal(it.finding('b'), 'unsupervised');
  const written = it.world.znodes.length;
  isAlive = false;
  await it.time.advance(4_000);
  assert.deepEqual([it.finding('b'), it.rows()], ['silent', 'a 8, b 9, c 8']);
  isAlive = true;
  await it.time.advance(4_000);
  assert.deepEqual([it.finding('b'), it.rows()], ['unsupervised', 'a 8, b 8, c 8']);
  assert.equal(it.world.znodes.length - written, 2);
  it.world.show(record('a'), record('b'), record('c'));
  await it.time.advance(1_000);
  assert.equal(it.world.znode?.witnessed, undefined);
  await it.resign();
});

test('what could not be asked is listed inactive and is no disagreement', async () => {
  const it = await leading();
  it.world.answers = () => 'unknown';
  it.world.show(record('a'), record('b'));
  await it.time.advance(5_000);
  assert.deepEqual([it.rows(), it.finding('b')], ['a 8, b 9', undefined]);
  await flush();
  await it.resign();
});
