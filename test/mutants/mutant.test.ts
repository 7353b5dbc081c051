import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './list.js';
import { firstFailure, mutate } from './mutant.js';

/** The build that this file is part of. */
const BUILD = fileURLToPath(new URL('../..', import.meta.url));

const mutant = {
  name: 'm',
  off: 'nothing',
  file: 'a.js',
  find: 'if (isWrong)',
  replace: 'if (false)',
  tests: [],
};

test('the place is replaced and nothing else', () =>
  assert.equal(mutate('a; if (isWrong) stop();', mutant), 'a; if (false) stop();'));

test('a place that is gone, or stands twice, is an error and no survivor', () => {
  assert.throws(() => mutate('if (isRight)', mutant), /gone from a\.js/);
  assert.throws(() => mutate('if (isWrong) if (isWrong)', mutant), /twice in a\.js/);
});

test('of failed tests the one inside its suite is named', () => {
  const tap = '    ok 1 - fine\n    not ok 2 - the fence holds\nnot ok 1 - a suite\n';
  assert.equal(firstFailure(tap), 'the fence holds');
  assert.equal(firstFailure('ok 1 - fine\n'), null);
});

test('no two mutants share a name, and each has a test that must kill it', () => {
  assert.equal(new Set(MUTANTS.map((m) => m.name)).size, MUTANTS.length);
  for (const { name, tests } of MUTANTS) assert.ok(tests.length > 0, name);
});

test('what a mutant takes out stands in the build, and so do its tests', () => {
  for (const place of MUTANTS) {
    for (const edit of [place, ...(place.also ?? [])]) {
      const text = readFileSync(join(BUILD, 'src', edit.file), 'utf8');
      assert.notEqual(mutate(text, edit), text, place.name);
    }
    for (const file of place.tests)
      assert.ok(existsSync(join(BUILD, 'test', file)), `${place.name}: ${file}`);
  }
});
