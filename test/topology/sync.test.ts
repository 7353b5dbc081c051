import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SyncFacts } from '../../src/topology/sync.js';
import { DEFAULT_SYNC_LIMITS, judgeSync } from '../../src/topology/sync.js';

const FACTS: SyncFacts = {
  isFresh: true,
  donors: 1,
  isAdopted: false,
  isSent: false,
  own: 0,
  donor: 1_000,
  stoodMs: 0,
  waitedMs: 0,
};

const judge = (more: Partial<SyncFacts>): string =>
  judgeSync({ ...FACTS, ...more }, DEFAULT_SYNC_LIMITS);

test('alone there is nothing to wait for; without the registry that is not known', () => {
  assert.equal(judge({ donors: 0 }), 'alone');
  assert.equal(judge({ donors: 0, isFresh: false }), 'wait');
});

test('a peer is asked, and when it has sent all they must arrive', () => {
  assert.equal(judge({}), 'ask');
  assert.equal(judge({ isFresh: false }), 'wait');
  assert.equal(judge({ isSent: true, own: 989 }), 'wait');
  assert.equal(judge({ isSent: true, own: 990 }), 'synced');
  assert.equal(judge({ isSent: true, own: 0, donor: 0 }), 'synced');
});

test('as many contacts as the peer has prove nothing before they were sent: they may be old', () => {
  assert.equal(judge({ own: 1_000 }), 'ask');
  assert.equal(judge({ own: 1_000, isAdopted: true }), 'synced');
  assert.equal(judge({ own: 900, isAdopted: true }), 'ask');
});

test('a number that stands after all were sent is all there will be', () => {
  assert.equal(judge({ isSent: true, own: 900, stoodMs: 1_999 }), 'wait');
  assert.equal(judge({ isSent: true, own: 900, stoodMs: 2_000 }), 'synced');
  assert.equal(judge({ isSent: true, own: null, stoodMs: 2_000 }), 'synced');
  assert.equal(judge({ own: 900, stoodMs: 2_000 }), 'ask');
});

test('the wait is bounded, whatever is unknown', () => {
  for (const isFresh of [true, false]) {
    for (const own of [null, 0, 900]) {
      for (const donor of [null, 1_000]) {
        assert.equal(judge({ isFresh, own, donor, waitedMs: 15_000 }), 'late');
        assert.notEqual(judge({ isFresh, own, donor, waitedMs: 14_999 }), 'late');
      }
    }
  }
});
