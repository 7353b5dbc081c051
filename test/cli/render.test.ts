import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from '../../src/util/closest.js';
import { COLOURED, widthOf } from '../../src/cli/render/colour.js';
import { renderTable, truncate, wrapSegments } from '../../src/cli/render/layout.js';
import * as units from '../../src/cli/render/units.js';

const MIN = 60_000;
for (const [ms, text] of [
  [3.4, '3 ms'],
  [340, '0.3 s'],
  [9_990, '9.9 s'],
  [42_700, '42 s'],
  [14 * MIN, '14 min'],
  [5 * 60 * MIN, '5 h'],
  [12 * 24 * 60 * MIN, '12 d'],
  [-5, '0 ms'],
] as const) {
  test(`${ms} ms reads ${text}`, () => assert.equal(units.formatDuration(ms), text));
}

test('ages and offsets', () => {
  assert.equal(units.formatAge(3_000), '3 s ago');
  assert.equal(units.formatAge(-200), 'just now');
  assert.equal(units.formatOffset(0.25), '+0.3 ms');
  assert.equal(units.formatOffset(-2), '−2 ms');
  assert.equal(units.formatOffset(1234.4), '+1,234 ms');
  assert.equal(units.groupNumber(18204), '18,204');
});

test('durations are read whole or not at all', () => {
  assert.equal(units.parseDuration('1h30m'), 90 * MIN);
  assert.equal(units.parseDuration('90s'), 90_000);
  for (const bad of ['', '5', '0s', '1.5h', '-1h', 'h', '5 m', '1h 30m']) {
    assert.equal(units.parseDuration(bad), null, bad);
  }
});

test('a duration that was read is written so that it can be read again', () => {
  for (const [text, written] of Object.entries({ '90s': '90s', '1h30m': '90m', '24h': '1d' })) {
    assert.equal(units.durationArgument(units.parseDuration(text) ?? 0), written);
  }
});

test('times of day are shown in the zone asked for', () => {
  assert.equal(units.formatTime(Date.UTC(2026, 0, 1, 23, 5, 6, 7), 'UTC'), '23:05:06.007');
  assert.equal(units.formatTime(Date.UTC(2026, 0, 1, 0, 5), 'UTC'), '00:05:00.000');
  assert.equal(units.formatDay(Date.UTC(2026, 0, 1, 23, 5), 'Europe/Vienna'), '2026-01-02');
});

test('a cut text fits, closes its colour and keeps short texts as they are', () => {
  const red = COLOURED.bad('abcdef');
  assert.equal(truncate(red, 4), '\x1b[31mabc…\x1b[0m');
  assert.equal(widthOf(truncate(red, 4)), 4);
  assert.equal(truncate('abc', 3), 'abc');
  assert.equal(truncate('●●●●', 2), '●…');
});

test('segments go on in the next line where the width ends', () =>
  assert.deepEqual(wrapSegments(['aaa', '', 'bbb', 'ccc'], 9, ' · ', '  '), [
    'aaa · bbb',
    '  ccc',
  ]));

test('a narrow table leaves out columns in their order, then cuts', () => {
  const columns = [{ header: 'A' }, { header: 'BB', drop: 1 }, { header: 'CCC', drop: 2 }];
  const rows = [['1', '22', '333']];
  assert.deepEqual(renderTable(columns, rows, 10), ['A  BB  CCC', '1  22  333']);
  assert.deepEqual(renderTable(columns, rows, 9), ['A  BB', '1  22']);
  assert.deepEqual(renderTable(columns, rows, 3), ['A', '1']);
  assert.deepEqual(renderTable([{ header: 'LONG' }], [['x']], 3), ['LO…', 'x']);
});

test('the closest name comes first', () => {
  const names = ['lb-1', 'disp-1', 'media-1', 'media-12'];
  assert.equal(closest('medai-1', names, 3)[0], 'media-1');
  assert.equal(closest('12', names, 1)[0], 'media-12');
});
