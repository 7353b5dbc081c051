import assert from 'node:assert/strict';
import { test } from 'node:test';
import { record } from '../topology/records.js';
import { Leading, leading } from './admission-rig.js';

test('a newcomer takes calls as soon as it answered, not a quiet time later', async () => {
  const it = await leading();
  const startMs = it.nowMs();
  it.world.show(record('a'), record('b'));
  await it.time.advance(20);
  assert.equal(it.rows(), 'a 8, b 8');
  const [at] = it.commitTimes;
  assert.ok(at !== undefined && at - startMs <= 10, `${at}`);
  await it.resign();
});

test('nothing is committed nor published of a newcomer before its answer', async () => {
  const it = await leading();
  const { znodes } = it.world;
  const published = znodes.length;
  it.answerMs = 200;
  it.world.show(record('a'), record('b'));
  await it.time.advance(199);
  assert.equal(it.rows(), 'a 8');
  assert.deepEqual([it.world.commits.at(-1)?.changes.length ?? 0, znodes.length], [0, published]);
  await it.time.advance(10);
  assert.equal(it.rows(), 'a 8, b 8');
  assert.deepEqual(it.world.audit.filter(({ id }) => id === 'trace-b-up').length, 1);
  await it.resign();
});

test('a new leader that takes over between question and answer asks itself', async () => {
  const it = await leading();
  it.answerMs = 200;
  it.world.show(record('a'), record('b'));
  await it.time.advance(100);
  await it.resign();
  it.lead();
  await it.time.advance(220);
  assert.equal(it.rows(), 'a 8, b 8');
  assert.equal(it.world.audit.filter(({ id }) => id === 'trace-b-up').length, 1);
  await it.resign();
});

test('a node that drains while it is asked gets no active row, whenever the answer comes', async () => {
  const it = await leading();
  it.answerMs = 200;
  it.world.show(record('a'), record('b'));
  await it.time.advance(100);
  it.world.show(record('a'), record('b', { state: 'draining' }));
  await it.time.advance(1_000);
  assert.equal(it.rows(), 'a 8, b 4');
  await it.resign();
});

test('a node that comes back after a drain is asked again', async () => {
  const it = await leading();
  const asked: string[] = [];
  it.world.answers = (destination) => {
    asked.push(destination);
    return 'answers';
  };
  const up = (since: number) => record('b', { since });
  it.world.show(record('a'), up(1));
  await it.time.advance(500);
  it.world.show(record('a'), record('b', { state: 'draining', since: 2 }));
  await it.time.advance(500);
  assert.equal(it.rows(), 'a 8, b 4');
  it.world.show(record('a'), up(3));
  await it.time.advance(500);
  assert.equal(it.rows(), 'a 8, b 8');
  assert.equal(asked.length, 2);
  await it.resign();
});

test('an answer of an earlier life admits nobody', async () => {
  const it = await leading();
  it.answerMs = 50;
  it.world.show(record('a'), record('b', { instanceId: 'one' }));
  await it.time.advance(30);
  it.answerMs = 10_000;
  it.world.show(record('a'), record('b', { instanceId: 'two', since: 7 }));
  await it.time.advance(200);
  assert.equal(it.rows(), 'a 8', 'the second life has not answered');
  await it.time.advance(200);
  assert.equal(it.rows(), 'a 8, b 9');
  await it.resign();
});

test('an answer that comes and goes changes the row once', async () => {
  const it = await leading();
  let turn = 0;
  it.world.answers = () => (turn++ % 2 === 0 ? 'silent' : 'answers');
  it.world.show(record('a'), record('b'));
  await it.time.advance(60_000);
  const rows = it.world.commits.flatMap(({ changes }) => changes.map(({ row }) => row));
  const flags = rows.filter((row) => row.description === 'carna:b').map((row) => row.flags);
  assert.deepEqual(flags, [9, 8]);
  await it.resign();
});

test('ten thousand newcomers of which none answers are in the table within seconds', async () => {
  const it = new Leading();
  it.answerMs = 1_000;
  it.world.answers = () => 'silent';
  it.world.show(...Array.from({ length: 10_000 }, (_, n) => record(`n${n}`)));
  it.lead();
  await it.time.advance(500);
  assert.equal(it.world.table.length, 10_000);
  assert.deepEqual(new Set(it.world.table.map((row) => row.flags)), new Set([9]));
  assert.equal(it.commitTimes.length, 1, 'one transaction');
  it.world.table = [];
  await it.resign();
});

test('a busy stream of changes and newcomers: at most one commit in a quiet time', async () => {
  const it = await leading();
  const from = it.commitTimes.length;
  for (let n = 0; n < 200; n++) {
    const state = n % 2 === 0 ? 'down' : 'up';
    it.world.show(record('a'), record('b', { state, since: n }), record(`n${n}`));
    await it.time.advance(10);
  }
  const times = it.commitTimes.slice(from);
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? 0));
  assert.ok(gaps.length > 5 && Math.min(...gaps) >= 100, gaps.join(' '));
  await it.resign();
});

test('a newcomer that appears in the quiet time after a commit is active with the next one', async () => {
  const it = await leading();
  it.world.show(record('a'), record('b'));
  await it.time.advance(30);
  assert.equal(it.rows(), 'a 8, b 8');
  it.world.show(record('a'), record('b', { state: 'down' }), record('c'));
  await it.time.advance(100);
  assert.equal(it.rows(), 'a 8, b 4, c 8');
  assert.equal(it.commitTimes.length, 2);
  await it.resign();
});
