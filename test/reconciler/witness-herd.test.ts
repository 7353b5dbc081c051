import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, newcomers, one, TIMING } from './witness-bench.js';

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `n${n}`);

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
