import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsWitness } from '../../src/reconciler/adapters.js';
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
  readonly warned: string[] = [];
  /** By how much somebody moved the wall clock. */
  steppedMs = 0;
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
      clock: { monoMs: time.monoMs, wallMs: () => time.wallMs() + this.steppedMs },
      bell: time.newBell(),
      onChange: () => (this.changes += 1),
      log: { warn: (_: unknown, text?: string) => this.warned.push(text ?? '') },
    });
    this.end = this.witness.run(this.stop.signal);
  }

  async done(): Promise<void> {
    this.stop.abort();
    await this.time.advance(2_000);
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

test('a step of the wall clock makes no silence longer or shorter', async () => {
  const bench = new Bench();
  bench.witness.watch(one);
  await bench.time.advance(5_000);
  for (const steppedMs of [3_600_000, -3_600_000]) {
    bench.steppedMs = steppedMs;
    const nowMs = bench.time.wallMs() + steppedMs;
    assert.equal(bench.witness.silentSinceMs().get('a'), nowMs - 5_000);
  }
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

test('a thousand that vanish together are asked a few at a time, each in turn', async () => {
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
  await bench.time.advance(8_000);
  assert.equal(most, TIMING.concurrency);
  assert.equal(new Set(bench.asked.slice(0, 1_000)).size, 1_000, 'nobody twice before all once');
  await bench.done();
});

const newcomers = (...names: readonly string[]) =>
  new Map(names.map((name) => [name, { destination: `sip:${name}`, token: `${name} 1` }] as const));

test('a newcomer that answered is not asked again, one that does not is asked on', async () => {
  const bench = new Bench();
  bench.answers = (destination) => Promise.resolve(destination === 'sip:a' ? 'answers' : 'silent');
  bench.witness.admit(newcomers('a', 'b'));
  await bench.time.advance(0);
  assert.deepEqual([...bench.witness.admissions()].sort(), [
    ['a', 'answers'],
    ['b', 'silent'],
  ]);
  await bench.time.advance(5_000);
  assert.deepEqual(
    [bench.asked.filter((to) => to === 'sip:a').length, bench.asked.length > 5],
    [1, true],
  );
  bench.answers = () => Promise.resolve('answers');
  await bench.time.advance(1_100);
  assert.equal(bench.witness.admissions().get('b'), 'answers');
  await bench.done();
});

test('another token is another question', async () => {
  const bench = new Bench();
  bench.answers = () => Promise.resolve('answers');
  bench.witness.admit(newcomers('a'));
  await bench.time.advance(0);
  bench.witness.admit(new Map([['a', { destination: 'sip:a', token: 'a 2' }]]));
  assert.equal(bench.witness.admissions().get('a'), undefined);
  assert.equal(bench.witness.askedToken('a'), 'a 2');
  await bench.time.advance(0);
  assert.equal(bench.witness.admissions().get('a'), 'answers');
  await bench.done();
});

test('a question that cannot be sent once takes no judgement back', async () => {
  const bench = new Bench();
  bench.witness.watch(one);
  bench.witness.admit(newcomers('b'));
  await bench.time.advance(2_000);
  const changes = bench.changes;
  let left = 2;
  bench.answers = () => Promise.resolve(left-- > 0 ? 'unknown' : 'silent');
  await bench.time.advance(3_000);
  assert.equal(bench.witness.evidence().get('a'), 'silent');
  assert.equal(bench.witness.admissions().get('b'), 'silent');
  assert.equal(bench.changes, changes, 'nothing flapped');
  bench.answers = () => Promise.resolve('unknown');
  await bench.time.advance(3_000);
  assert.equal(bench.witness.evidence().get('a'), 'unknown');
  assert.equal(bench.witness.silentSinceMs().size, 0);
  await bench.done();
});

test('what cannot be asked over UDP is unknown: a user, a port that is none, another transport', async () => {
  const { ping } = optionsWitness(new FakeTime());
  for (const destination of [
    'sip:gw@h:5060',
    'sip:10.0.0.9:0',
    'sip:10.0.0.9:70000',
    'sip:a\tb:5060',
    'sip:10.0.0.9:5060;transport=tcp',
  ]) {
    assert.equal(await ping(destination), 'unknown', destination);
  }
});

test('a question that fails is one that could not be asked: told once, and the others are asked on', async () => {
  const bench = new Bench();
  bench.answers = (destination) =>
    destination === 'sip:a' ? Promise.reject(new RangeError('no')) : Promise.resolve('silent');
  bench.witness.watch(
    new Map([
      ['a', 'sip:a'],
      ['b', 'sip:b'],
    ]),
  );
  await bench.time.advance(3_000);
  assert.equal(bench.witness.evidence().get('a'), 'unknown');
  assert.equal(bench.witness.evidence().get('b'), 'silent');
  assert.deepEqual(bench.warned, ['the witness cannot ask this destination']);
  await bench.done();
});

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `n${n}`);

test('newcomers that never answer keep nobody else waiting: neither the vanished nor the next newcomer', async () => {
  const bench = new Bench();
  const { time } = bench;
  bench.answers = async (destination) => {
    if (destination === 'sip:late' || destination === 'sip:1:5060') return 'answers';
    await time.wait(1_000);
    return 'silent';
  };
  bench.witness.admit(newcomers(...many(10_000)));
  await time.advance(100);
  bench.witness.watch(one);
  await time.advance(0);
  assert.equal(bench.witness.evidence().get('a'), 'answers');
  bench.witness.admit(newcomers(...many(10_000), 'late'));
  await time.advance(1_000);
  assert.equal(bench.witness.admissions().get('late'), 'answers', 'the newest is asked first');
  await bench.done();
});

test('ten thousand that refuse at once are asked on without a herd', async () => {
  const bench = new Bench();
  bench.witness.admit(newcomers(...many(10_000)));
  for (let second = 1; second <= 60; second++) {
    await bench.time.advance(1_000);
    assert.ok(bench.asked.length <= 500 * second + TIMING.newcomers, `${bench.asked.length}`);
  }
  assert.equal(new Set(bench.asked).size, 10_000, 'everybody was asked');
  await bench.done();
});

test('everybody is asked on in turn, although there are more than can be asked at once', async () => {
  const bench = new Bench();
  const { time } = bench;
  bench.answers = async () => {
    await time.wait(1_000);
    return 'silent';
  };
  bench.witness.admit(newcomers(...many(20)));
  await time.advance(17_000);
  const times = many(20).map((name) => bench.asked.filter((to) => to === `sip:${name}`).length);
  assert.ok(
    Math.min(...times) >= 3 && Math.max(...times) - Math.min(...times) <= 1,
    times.join(' '),
  );
  await bench.done();
});
