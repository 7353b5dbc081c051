import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorTable, settingsTable } from './readme.js';

/** Without the padding that the formatter gives to tables. */
const plain = (markdown: string): string =>
  markdown
    .split('\n')
    .map((line) => line.replaceAll(/\s*\|\s*/g, '|').replaceAll(/\|[-:]+(?=\|)/g, '|---'))
    .join('\n');

function check(name: string, table: string): void {
  const readme = readFileSync('README.md', 'utf8');
  const found = new RegExp(`<!-- ${name} -->\\s*([\\s\\S]*?)\\s*<!-- /${name} -->`).exec(
    readme,
  )?.[1];
  assert.equal(plain(found ?? ''), plain(table), 'run: make readme');
}

test('README lists every variable that a program reads', () => check('settings', settingsTable()));

test('README lists every error code', () => {
  const codes = readFileSync('src/util/errors.ts', 'utf8').match(/code = 'CARNA_/g) ?? [];
  assert.equal(errorTable().split('\n').length - 2, codes.length);
  check('errors', errorTable());
});
