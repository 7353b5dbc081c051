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

for (const [file, begin] of [
  ['README.md', '## On Marathon'],
  ['marathon/README.md', '# Marathon definitions'],
] as const) {
  test(`${file} makes the secrets and runs carna init before the first deploy`, () => {
    const text = readFileSync(file, 'utf8').split(`${begin}\n`)[1] ?? '';
    const commands = [...text.matchAll(/^```\n([\s\S]*?)^```/gm)].map(([, code]) => code).join('');
    const places = ['images/secrets.sh ', 'carna init --logins ', 'carna deploy '].map((command) =>
      commands.indexOf(command),
    );
    assert.ok(!places.includes(-1), `${places.join(' ')}\n${commands}`);
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
  });
}
