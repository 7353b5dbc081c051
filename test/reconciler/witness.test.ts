import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WitnessPing } from '../../src/reconciler/witness.js';
import { Witness } from '../../src/reconciler/witness.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { FakeTime, flush } from '../agent/support/fake-time.js';

const TIMING = { everyMs: 1_000, fall: 2, concurrency: 3, newcomers: 5 };

class Bench {
  readonly time = new FakeTime();
  readonly stop = new AbortController();
  readonly asked: string[] = [];
  answers: (destination: string) => Promise<Evidence> = () => Promise.resolve('silent');
  changes = 0;
  readonly witness: Witness;
  readonly end: Promise<void>;

  constructor() {
    const ping: WitnessPing = (destination) => {
      this.asked.push(destination);
      return this.answers(destination);
    };
    const { time } = this;
    this.witness = new Witness({
      ping,
      timing: TIMING,
      clock: time,
      bell: time.newBell(),
      onChange: () => (this.changes += 1),
    });
    this.end = this.witness.run(this.stop.signal);
  }

  async done(): Promise<void> {
    this.stop.abort();
    await flush();
    await this.end;
  }
}

const one = new Map([['a', 'sip:1:5060']]);

test('a node is silent after two pings without an answer, since the first of them', async () => {
  const bench = new Bench();
  const startMs = bench.time.wallMs();
  bench.witness.watch(one);
  await bench.time.advance(0);
  assert.equal(bench.witness.evidence().get('a'), undefined, 'not judged yet');
  assert.equal(bench.changes, 0);
  await bench.time.advance(1_000);
  assert.equal(bench.witness.evidence().get('a'), 'silent');
  assert.equal(bench.witness.silentSinceMs().get('a'), startMs);
  assert.equal(bench.changes, 1);
  await bench.time.advance(5_000);
  assert.equal(bench.changes, 1, 'no news, no bell');
  assert.equal(bench.witness.silentSinceMs().get('a'), startMs);
  await bench.done();
});

test('one answer takes silence back, and the limbo begins anew with the next', async () => {
  const bench = new Bench();
  bench.witness.watch(one);
  await bench.time.advance(3_000);
  bench.answers = () => Promise.resolve('answers');
  await bench.time.advance(1_000);
  assert.equal(bench.witness.evidence().get('a'), 'answers');
  assert.equal(bench.witness.silentSinceMs().size, 0);
  bench.answers = () => Promise.resolve('silent');
  await bench.time.advance(1_000);
  assert.equal(bench.witness.evidence().get('a'), 'answers', 'one lost packet is no silence');
  await bench.time.advance(1_000);
  assert.equal(bench.witness.evidence().get('a'), 'silent');
  await bench.done();
});

test('who is not watched any more is not asked, and forgotten', async () => {
  const bench = new Bench();
  bench.witness.watch(one);
  await bench.time.advance(2_000);
  bench.witness.watch(new Map());
  const asked = bench.asked.length;
  await bench.time.advance(60_000);
  assert.equal(bench.asked.length, asked);
  assert.equal(bench.witness.evidence().size, 0);
  bench.witness.watch(one);
  assert.equal(bench.witness.evidence().get('a'), undefined);
  await bench.done();
});

test('the answer to a question about a node that moved meanwhile counts for nothing', async () => {
  const bench = new Bench();
  let answer: (evidence: Evidence) => void = () => undefined;
  bench.answers = () => new Promise((resolve) => (answer = resolve));
  bench.witness.watch(one);
  await flush();
  bench.witness.watch(new Map([['a', 'sip:2:5060']]));
  answer('answers');
  await flush();
  assert.equal(bench.witness.evidence().get('a'), undefined);
  answer('unknown');
  await bench.done();
});

test('a thousand that vanish together are asked a few at a time, each once a round', async () => {
  const bench = new Bench();
  let under = 0;
  let most = 0;
  bench.answers = async () => {
    under += 1;
    most = Math.max(most, under);
    await Promise.resolve();
    under -= 1;
    return 'answers';
  };
  const many = new Map(Array.from({ length: 1_000 }, (_, n) => [`n${n}`, `sip:${n}:5060`]));
  bench.witness.watch(many);
  await bench.time.advance(10);
  for (let turn = 0; turn < 200; turn++) await flush();
  assert.equal(most, TIMING.concurrency);
  assert.equal(new Set(bench.asked).size, 1_000);
  assert.equal(bench.asked.length, 1_000);
  await bench.done();
});
