import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReconcilerDeps } from '../../src/reconciler/ports.js';
import type { Reconciler } from '../../src/reconciler/run-reconciler.js';
import { openReconciler } from '../../src/reconciler/run-reconciler.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { FakeTime, flush } from '../agent/support/fake-time.js';
import { record, rowOf } from '../topology/records.js';
import { World } from './world.js';

/** A reconciler that leads in fake time. */
class Leading {
  readonly world = new World();
  readonly time = new FakeTime();
  readonly commitTimes: number[] = [];
  answerMs = 5;
  readonly #startMs = this.time.monoMs();
  #stop = new AbortController();
  #end: Promise<void> = Promise.resolve();
  reconciler: Reconciler | undefined;

  lead(): void {
    const { world, time } = this;
    this.#stop = new AbortController();
    const deps = world.deps(time.newBell());
    const ping = async (destination: string): Promise<Evidence> => {
      await time.wait(this.answerMs);
      return await world.answers(destination);
    };
    const commitPlan: ReconcilerDeps['table']['commitPlan'] = async (plan) => {
      if (plan.changes.length > 0) this.commitTimes.push(this.nowMs());
      return await deps.table.commitPlan(plan);
    };
    this.reconciler = openReconciler({
      ...deps,
      clock: time,
      wait: time.wait,
      witness: { ...deps.witness, ping, bell: time.newBell() },
      table: { ...deps.table, commitPlan },
    });
    const { signal } = this.#stop;
    this.#end = this.reconciler.lead({ signal, mayWrite: () => true, czxid: 5n });
  }

  nowMs(): number {
    return this.time.monoMs() - this.#startMs;
  }

  async resign(): Promise<void> {
    this.#stop.abort();
    for (let turn = 0; turn < 10; turn++) await this.time.advance(1_000);
    await this.#end;
    this.reconciler?.close();
  }

  /** `a 8, b 9` */
  rows(): string {
    const { table } = this.world;
    const words = table.map((row) => `${row.description.slice(6)} ${row.flags}`);
    return words.sort().join(', ');
  }

  finding(nodeId: string): string | undefined {
    const nodes = this.world.znode?.witnessed?.nodes ?? [];
    return nodes.find((node) => node.nodeId === nodeId)?.finding;
  }
}

/** `a` is in the table already. */
async function leading(): Promise<Leading> {
  const it = new Leading();
  it.world.table = [rowOf('a')];
  it.world.show(record('a'));
  it.lead();
  await it.time.advance(5_000);
  return it;
}

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

test('what could not be asked is listed inactive and is no disagreement', async () => {
  const it = await leading();
  it.world.answers = () => 'unknown';
  it.world.show(record('a'), record('b'));
  await it.time.advance(5_000);
  assert.deepEqual([it.rows(), it.finding('b')], ['a 8, b 9', undefined]);
  await flush();
  await it.resign();
});
