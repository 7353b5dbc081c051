import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableFaults, wholeTable } from '../../src/lab/drills/aftermath.js';
import { sumOf } from '../../src/lab/drills/daemon-health.js';
import { servedSets } from '../../src/lab/drills/never-empty.js';
import { DEFAULT_SIZE, planLab } from '../../src/lab/plan.js';
import type { LiveDestination } from '../../src/topology/live-destination.js';

const PLAN = planLab({ ...DEFAULT_SIZE, dispatchers: 1, media: 1, reconcilers: 1 }, '127.9');
const WHOLE = [
  '10 sip:127.9.20.1:5060',
  '30 sip:127.9.30.1:5060',
  '50 sip:127.9.10.1:5060',
] as const;

test('a whole lab has one row for each node in each set that lists its role', () =>
  assert.deepEqual([...wholeTable(PLAN)].sort(), WHOLE));

function checkTable(rows: Readonly<Record<string, string>>, faults: readonly string[]): void {
  assert.deepEqual(tableFaults(wholeTable(PLAN), new Map(Object.entries(rows))), faults);
}

const GOOD = Object.fromEntries(WHOLE.map((key) => [key, '771 8']));

test('the table of a whole lab has no fault', () => checkTable(GOOD, []));

test('a row that takes no calls, is missing, or belongs to nobody is a fault', () => {
  checkTable({ ...GOOD, [WHOLE[1]]: '771 9' }, [`${WHOLE[1]}: flags 9`]);
  checkTable({ ...GOOD, [WHOLE[1]]: '8 4' }, [`${WHOLE[1]}: flags 4`]);
  const rest = Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== WHOLE[0]));
  checkTable(rest, [`${WHOLE[0]}: flags none`]);
  const stranger = '20 sip:127.9.40.1:5060';
  checkTable({ ...GOOD, [stranger]: '771 8' }, [`${stranger}: belongs to no node`]);
});

const live = (setid: number, letters: string): LiveDestination => ({
  setid,
  destination: `sip:${setid}`,
  letters,
  priority: 0,
  attrs: '',
});

test('a set is served while one of its destinations takes calls', () => {
  assert.deepEqual(servedSets([live(30, 'IP'), live(30, 'AP'), live(10, 'AX')]), [10, 30]);
  assert.deepEqual(servedSets([live(30, 'IP'), live(30, 'DX'), live(10, 'TP')]), []);
  assert.deepEqual(servedSets([]), []);
});

test('a metric is summed over its labels and not mixed up with longer names', () => {
  const text = [
    '# HELP x_total what it is',
    'x_total{answer="ok"} 3',
    'x_total{answer="refused"} 2',
    'x_total_more 100',
  ].join('\n');
  assert.equal(sumOf(text, 'x_total'), 5);
  assert.equal(sumOf('x_total 7', 'x_total'), 7);
  assert.equal(sumOf('', 'x_total'), 0);
});
