import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, servedSets } from '../../src/lab/drills/list-watch.js';
import { tableFaults, wholeTable } from '../../src/lab/drills/whole-table.js';
import { planLab } from '../../src/lab/plan.js';
import type { LiveDestination } from '../../src/topology/live-destination.js';

const SMALL = {
  loadBalancers: 1,
  dispatchers: 1,
  media: 1,
  registrars: 1,
  outbounds: 1,
  reconcilers: 1,
  zookeepers: 1,
};
const PLAN = planLab(SMALL, '127.9');
const WHOLE = [
  '10 sip:127.9.20.1:5060',
  '20 sip:127.9.40.1:5060',
  '30 sip:127.9.30.1:5060',
  '40 sip:127.9.50.1:5060',
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
  checkTable({ ...GOOD, [WHOLE[2]]: '771 9' }, [`${WHOLE[2]}: flags 9`]);
  checkTable({ ...GOOD, [WHOLE[2]]: '8 4' }, [`${WHOLE[2]}: flags 4`]);
  const rest = Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== WHOLE[0]));
  checkTable(rest, [`${WHOLE[0]}: flags none`]);
  const stranger = '20 sip:127.9.40.9:5060';
  checkTable({ ...GOOD, [stranger]: '771 8' }, [`${stranger}: belongs to no node`]);
});

const live = (setid: number, letters: string, host = String(setid)): LiveDestination => ({
  setid,
  destination: `sip:${host}`,
  letters,
  priority: 0,
  attrs: '',
});

test('a set is served while one of its destinations takes calls', () => {
  assert.deepEqual(servedSets([live(30, 'IP'), live(30, 'AP'), live(10, 'AX')]), [10, 30]);
  assert.deepEqual(servedSets([live(30, 'IP'), live(30, 'DX'), live(10, 'TP')]), []);
  assert.deepEqual(servedSets([]), []);
});

const BEFORE = [live(30, 'AP', 'a'), live(30, 'AP', 'b'), live(10, 'AP', 'c')];
const [A, B, C] = BEFORE;

test('a list that changed is told, wherever', () => {
  assert.deepEqual(differences(BEFORE, [...BEFORE], 'nothing'), []);
  const now = [live(30, 'DX', 'a'), live(30, 'AP', 'd')];
  assert.deepEqual(differences(BEFORE, now, 'nothing'), [
    '30 sip:a AP → DX',
    '30 sip:b AP → absent',
    '10 sip:c AP → absent',
    '30 sip:d absent → AP',
  ]);
  assert.deepEqual(differences(BEFORE, now, 'anything'), []);
});

test('letters that may change are those of one destination that stays', () => {
  assert.ok(A !== undefined && B !== undefined && C !== undefined);
  const mayChange = { letters: 'sip:a' };
  assert.deepEqual(differences(BEFORE, [live(30, 'IP', 'a'), B, C], mayChange), []);
  assert.deepEqual(differences(BEFORE, [A, live(30, 'IP', 'b'), C], mayChange), [
    '30 sip:b AP → IP',
  ]);
  assert.deepEqual(differences(BEFORE, [B, C], mayChange), ['30 sip:a AP → absent']);
});
