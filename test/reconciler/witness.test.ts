import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsWitness } from '../../src/reconciler/adapters.js';
import type { Evidence } from '../../src/topology/desired-rows.js';
import { FakeTime, flush } from '../agent/support/fake-time.js';
import { Bench, newcomers, one } from './witness-bench.js';

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
