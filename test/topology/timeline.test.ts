import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveTimeline } from '../../src/topology/timeline.js';
import type { ChangeRow, TimelineEntry } from '../../src/topology/timeline.js';
import { CHANGE, NOW } from '../cli/change.js';

function entry(more: Partial<ChangeRow> = {}): TimelineEntry {
  const [first] = deriveTimeline([{ ...CHANGE, ...more }]);
  assert.ok(first);
  return first;
}

test('offsets count from the moment it happened', () => {
  const e = entry();
  assert.equal(e.startMs, NOW);
  assert.deepEqual([e.noticedMs, e.publishedMs, e.seenMs, e.committedMs], [3, 6, 9, 14]);
  assert.deepEqual(
    e.live.map(({ kamailio, ms }) => `${kamailio} ${ms}`),
    ['disp-1 17', 'disp-2 22'],
  );
  assert.equal(e.everywhereMs, 22);
  assert.equal(e.isSkewed, false);
});

test('without it they count from the noticing, then from what is known', () => {
  const noticed = entry({ occurredAtMs: null });
  assert.deepEqual([noticed.startMs, noticed.noticedMs, noticed.isStartExact], [NOW + 3, 0, false]);
  const silent = entry({ occurredAtMs: null, noticedAtMs: null, publishedAtMs: null });
  assert.deepEqual([silent.startMs, silent.noticedMs, silent.committedMs], [NOW + 9, null, 5]);
});

test('rows that moved alike in one set are told once', () => {
  const [first] = CHANGE.rows;
  assert.ok(first);
  const e = entry({ rows: [first, { ...first, destination: 'sip:10.0.3.3:5060' }] });
  assert.deepEqual(e.sets, [{ setid: 30, from: 8, to: 4 }]);
});

test('a stage before its cause shows that clocks differ', () => {
  assert.equal(entry({ seenAtMs: NOW - 2 }).isSkewed, true);
  assert.equal(entry({ live: [{ kamailio: 'disp-1', atMs: NOW + 1 }] }).isSkewed, true);
});

test('nothing live yet', () => assert.equal(entry({ live: [] }).everywhereMs, null));
