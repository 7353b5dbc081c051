import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QueueItem } from '../../../src/marathon/client/answers.js';
import { whyWaiting } from '../../../src/marathon/scale/queue-words.js';

const item = (more: Partial<QueueItem>): QueueItem => ({
  ...{ id: '/a', missing: 1, delayS: 0, rejects: [] },
  ...more,
});

const reject = (reason: string, declined: number, processed: number): QueueItem['rejects'][0] => ({
  reason,
  declined,
  processed,
});

function check(found: QueueItem | undefined, words: readonly string[]): void {
  assert.deepEqual(whyWaiting(found), words);
}

test('the commonest reason comes first, unknown ones in the words of Marathon', () =>
  check(
    item({
      rejects: [
        reject('UnfulfilledRole', 0, 9),
        reject('InsufficientPorts', 3, 9),
        reject('UnfulfilledConstraint', 5, 6),
        reject('SomethingNew', 1, 1),
      ],
    }),
    [
      '5 of the last 9 offers: a constraint of the app is not met (such as one node per host)',
      '3 of the last 9 offers: a port that it needs is taken or not offered',
      '1 of the last 9 offers: SomethingNew',
    ],
  ));

test('no offers at all are told as such', () =>
  check(item({ rejects: [reject('UnfulfilledRole', 0, 0)] }), ['no host offered anything yet']));

test('a back-off after failures is told', () =>
  check(item({ delayS: 12 }), ['Marathon tries again in 12 s, after failures of its tasks']));

test('what the queue does not know has no reason', () => check(undefined, []));
