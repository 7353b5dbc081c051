import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MirrorQueue } from '../../src/registry/mirror-queue.js';

const read = (at: string) => ({ kind: 'read', at }) as const;
const list = (at: string) => ({ kind: 'list', at }) as const;

test('listings come first, and a znode is not read twice at once', () => {
  const queue = new MirrorQueue();
  for (const task of [read('a'), read('a'), list('b')]) queue.add(task);
  assert.deepEqual([queue.begin(), queue.begin(), queue.begin()], [list('b'), read('a'), null]);
  queue.add(read('a'));
  assert.equal(queue.begin(), null);
  assert.equal(queue.isReading('a'), true);
  queue.ended(read('a'));
  assert.deepEqual(queue.begin(), read('a'));
});

test('it is idle when nothing waits and nothing is on its way', () => {
  const queue = new MirrorQueue();
  assert.equal(queue.isIdle, true);
  queue.add(list('a'));
  assert.deepEqual([queue.isIdle, queue.hasReads, queue.hasListings], [false, false, true]);
  queue.begin();
  assert.equal(queue.hasListings, true);
  queue.ended(list('a'));
  assert.equal(queue.isIdle, true);
});

test('only a bounded number is on its way', () => {
  const queue = new MirrorQueue();
  for (let at = 0; at < 500; at++) queue.add(read(String(at)));
  let begun = 0;
  while (queue.begin() !== null) begun += 1;
  assert.equal(begun, 100);
  queue.ended(read('0'));
  assert.deepEqual(queue.begin(), read('100'));
});

test('a deletion counts against the read that was under way, and against no later one', () => {
  const queue = new MirrorQueue();
  queue.noteDeleted('a', 9);
  assert.equal(queue.wasDeletedAfter('a', 5), false);
  queue.add(read('a'));
  queue.begin();
  queue.noteDeleted('a', 9);
  assert.deepEqual([queue.wasDeletedAfter('a', 5), queue.wasDeletedAfter('a', 12)], [true, false]);
  queue.ended(read('a'));
  assert.equal(queue.wasDeletedAfter('a', 5), false);
});

test('clear forgets also what is on its way', () => {
  const queue = new MirrorQueue();
  queue.add(list('a'));
  queue.begin();
  queue.add(read('b'));
  queue.clear();
  assert.deepEqual([queue.isIdle, queue.begin()], [true, null]);
});
