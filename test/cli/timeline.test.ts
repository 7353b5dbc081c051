import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatorData } from '../../src/cli/operator-data.js';
import * as p from './support.js';
import { CHANGE } from './change.js';
import { golden } from './golden.js';

test('timeline: one change with the time of every stage', async () => {
  const data = p.fakeData({ readChanges: async () => [CHANGE] });
  const { code, out } = await p.carna('timeline --last 1', data);
  assert.equal(out, golden(TIMELINE));
  assert.equal(code, 0);
});

const TIMELINE = `
1 change until 2026-11-21, the slowest live everywhere after 22 ms
12:00:00.000  media-2  up → down  its process was killed (SIGKILL)
       +3 ms  noticed by its agent
       +6 ms  published
       +9 ms  seen by the reconciler
      +14 ms  committed: generation 1843, set 30, flags 8 → 4
      +17 ms  live on disp-1   +22 ms disp-2   (proven by read-back)
`;

test('timeline: no change is the answer "no"', async () => {
  const { code, out } = await p.carna('timeline --node media-1');
  assert.deepEqual([code, out], [1, 'no change of media-1\n']);
});

test('timeline --follow waits for the read-backs, prints each change once, ends with 0', async () => {
  let reads = 0;
  const readChanges: OperatorData['readChanges'] = async ({ sinceId }) => {
    const live = ++reads < 3 ? [] : CHANGE.live;
    return [CHANGE, { ...CHANGE, id: 8, nodeId: 'media-1' }]
      .filter((c) => c.id > (sinceId ?? 0))
      .map((c) => ({ ...c, live }));
  };
  const { code, out, listeners } = await p.carna(
    'timeline --follow --json',
    p.fakeData({ readChanges }),
    {
      onWait: (count, interrupt) => {
        if (count === 30) interrupt();
      },
    },
  );
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; live: unknown[] });
  assert.deepEqual(
    lines.map((line) => [line.id, line.live.length]),
    [
      [7, 2],
      [8, 2],
    ],
  );
  assert.deepEqual([code, listeners], [0, 0]);
});
