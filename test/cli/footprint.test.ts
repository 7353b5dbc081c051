import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/util/package-root.js';

/** Prints the URL of each ES module when it is loaded; CommonJS packages show with their first file. */
const HOOK = `
import { writeSync } from 'node:fs';
export async function load(url, context, next) {
  writeSync(1, url + '\\n');
  return next(url, context);
}`;
const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
const REGISTER = dataUrl(
  `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOK))});`,
);

/** What the executable loads for one line, without any setting: a daemon then ends with its faults told. */
function loadedFor(...line: readonly string[]): readonly string[] {
  const script = join(packageRoot(), 'dist/src/bin/carna.js');
  const { stdout } = spawnSync(process.execPath, ['--import', REGISTER, script, ...line], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], CARNA_TEST_RUN: process.env['CARNA_TEST_RUN'] },
    timeout: 30_000,
  });
  return stdout.split('\n').filter((text) => text.startsWith('file:'));
}

const among = (loaded: readonly string[], place: RegExp): readonly string[] =>
  loaded.flatMap((url) => place.exec(url)?.[1] ?? []);

const OWN_COMMAND = /\/dist\/src\/cli\/commands\/(.*)\.js$/;
const OWN_FOLDER = /\/dist\/src\/(lab|reconciler)\//;
const PACKAGE = /\/node_modules\/(pg|commander|zod|fastify)\//;
const COLLATION = /\/dist\/src\/(topology\/view)\.js$/;

test('an agent loads no other command, no lab, no reconciler, and without a database no PostgreSQL client', () => {
  const loaded = loadedFor('agent');
  assert.deepEqual(among(loaded, OWN_COMMAND), ['agent']);
  assert.deepEqual(among(loaded, OWN_FOLDER), []);
  // Its collator alone makes 5 MB of ICU's tables resident.
  assert.deepEqual(among(loaded, COLLATION), []);
  assert.deepEqual(new Set(among(loaded, PACKAGE)), new Set(['commander', 'zod', 'fastify']));
});

for (const command of ['nodes', 'plan', 'explain', 'registrations', 'location', 'user', 'trunk']) {
  test(`the help of ${command} loads that command alone and no package but the parser`, () => {
    const loaded = loadedFor(command, '--help');
    assert.deepEqual(among(loaded, OWN_COMMAND), [command]);
    assert.deepEqual(new Set(among(loaded, /\/node_modules\/([^/]+)\//)), new Set(['commander']));
  });
}
