import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DRILL_GROUPS, DRILL_NAMES, QUICK_DRILLS } from '../../src/lab/drills/names.js';

const MATRIX = 'src/lab/drills/README.md';
const END_TO_END = 'test/e2e';

/** What stands in the second column of the fault matrix. */
function drillsOfMatrix(): readonly string[] {
  const section = readFileSync(MATRIX, 'utf8').split('\n## Fault matrix\n')[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) => /^\|[^|]+\| `([^`]+)` *\|[^|]+\|$/.exec(line)?.[1] ?? line);
}

test('every drill stands in the fault matrix once, in the order of the list, and nothing else does', () =>
  assert.deepEqual(drillsOfMatrix(), DRILL_NAMES));

test('every drill stands under one heading', () =>
  assert.deepEqual(
    DRILL_GROUPS.flatMap(({ names }) => names),
    DRILL_NAMES,
  ));

test('the quick drills are those that the tests play', () => {
  const files = readdirSync(END_TO_END).filter((name) => name.endsWith('.test.ts'));
  const played = files.flatMap((name) => {
    const text = readFileSync(join(END_TO_END, name), 'utf8');
    const lists = [...text.matchAll(/^const DRILLS[^=]*= \[([^;]*)\];/gm)];
    return lists.flatMap(([, list = '']) => [...list.matchAll(/'([a-z][^']*)'/g)].map((m) => m[1]));
  });
  assert.deepEqual(played.sort(), [...QUICK_DRILLS].sort());
});
