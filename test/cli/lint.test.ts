import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { lintFacts } from '../../src/cli/lint-files.js';
import { duplicateNames } from '../../src/marathon/lint/duplicate-names.js';
import { lintDefinition } from '../../src/marathon/lint/lint.js';
import { goodApp, goodGroup, goodPod } from '../marathon/lint/good.js';
import { carna } from './support.js';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'carna-lint-'));
});
after(() => rmSync(dir, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(dir, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test('good definitions of each kind pass together, exit code 0', async () => {
  const files = [file('a.json', goodApp()), file('g.json', goodGroup()), file('p.json', goodPod())];
  const { code, out } = await carna(`lint ${files.join(' ')}`);
  assert.equal(out, '✔ nothing found in 3 files\n');
  assert.equal(code, 0);
});

test('each mistake is told with its place, reason and remedy, exit code 1', async () => {
  const good = file('good.json', goodApp());
  const bad = file('bad.json', { ...goodApp(), ports: [5060], killSelektion: 'OLDEST_FIRST' });
  const { code, out } = await carna(`lint ${good} ${bad}`);
  assert.equal(code, 1);
  assert.match(out, /^✘ 2 mistakes found in 2 files\n\n.*bad\.json \(app\)\n/);
  assert.match(out, /✘ ports {2}gone-field\n.*older Marathon[^]*do {7}write "portDefinitions"/);
  assert.match(out, /✘ killSelektion {2}unknown-field\n.*drops[^]*rename it to "killSelection"/);
  assert.ok(!out.includes('good.json'));
});

test('a file that cannot be read or is no JSON ends with 2; the others are checked all the same', async () => {
  const bad = file('wrong.json', { ...goodApp(), ports: [5060] });
  const half = file('half.json', '{\n  "env": {"CARNA_ESL_PASSWORD": "hunter2" oops');
  const html = file('html.json', '<html>');
  const empty = file('empty.json', '');
  const { code, out } = await carna(`lint ${bad} ${half} ${html} ${empty} ${join(dir, 'none')}`);
  assert.equal(code, 2);
  assert.match(out, /^✘ 1 mistake found in 1 file, 4 files could not be read\n/);
  assert.match(out, /half\.json is no JSON: line 2, column \d+\n/);
  assert.match(out, /html\.json is no JSON/);
  assert.match(out, /empty\.json is no JSON: it is empty/);
  assert.match(out, /none cannot be read: ENOENT/);
  assert.ok(!out.includes('hunter2'));
});

test('a file nested without end is refused, not followed', async () => {
  const deep = file('deep.json', '{"id":"a","groups":['.repeat(50_000) + ']}'.repeat(50_000));
  const { code, out } = await carna(`lint ${deep}`);
  assert.equal(code, 2);
  assert.match(out, /nested too deeply/);
});

test('--json says the same on one line', async () => {
  const bad = file('one.json', { ...goodApp(), ports: [5060] });
  const { code, out } = await carna(`lint --json ${bad} ${join(dir, 'none')}`);
  assert.equal(code, 2);
  const { schema, files } = JSON.parse(out) as {
    schema: number;
    files: { kind: string | null; error: string | null; findings: Record<string, string>[] }[];
  };
  assert.equal(schema, 1);
  assert.deepEqual(
    files.map(({ kind, error }) => [kind, error === null]),
    [
      ['app', true],
      [null, false],
    ],
  );
  assert.deepEqual(
    files[0]?.findings.map(({ path, rule }) => [path, rule]),
    [['ports', 'gone-field']],
  );
  assert.deepEqual(Object.keys(files[0]?.findings[0] ?? {}).sort(), [
    'expected',
    'found',
    'path',
    'reason',
    'rule',
    'todo',
  ]);
});

test('a member that stands twice is named, also in lists and when escaped', () => {
  const text = '{"a": [{"b": 1, "c": "b", "\\u0062": 2}], "d": {"a": 1}, "e": "a", "a": 3}';
  const paths = duplicateNames(text).map(({ path }) => path);
  assert.deepEqual(paths, ['a[0].b', 'a']);
});

test('no variable that something reads counts as misspelt, reserved or a switch', () => {
  const facts = lintFacts();
  const names = [...facts.variables];
  assert.ok(names.length > 60 && names.includes('CARNA_DMQ_HOST'));
  for (const name of names) {
    const app = goodApp();
    const value = facts.secretVariables.has(name) ? '/run/carna/secret' : '1';
    const env = { CARNA_ROLE: 'media', CARNA_DRAIN_DEADLINE_MS: '1000', [name]: value };
    const rules = lintDefinition({ ...app, env }, facts).map(({ rule }) => rule);
    assert.deepEqual(
      rules.filter((rule) => rule === 'variable' || rule === 'reserved-env' || rule === 'switch'),
      [],
      name,
    );
  }
});

test('the defaults are those of the agent', () => {
  const { drainDeadlineMs, httpPort, variables, secretVariables } = lintFacts();
  assert.deepEqual([drainDeadlineMs, httpPort], [3_600_000, 9100]);
  assert.ok(variables.has('CARNA_ESL_PASSWORD_FILE') && secretVariables.has('CARNA_ESL_PASSWORD'));
});
