import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseValues } from '../../src/cli/marathon/read-values.js';
import { APP_NAMES } from '../../src/marathon/render/values.js';
import { exampleText } from '../marathon/render/sample.js';
import { carna } from './support.js';

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'carna-marathon-'));
});
after(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const good = (): string => file('good.yaml', exampleText());

interface Group {
  readonly id: string;
  readonly apps: readonly { readonly id: string }[];
}

test('the example is printed as it can be read again', async () => {
  const { code, out } = await carna('marathon values');
  assert.equal(code, 0);
  assert.equal(parseValues(out).kind, 'ok');
});

test('the group of the data centre is printed, the same each time', async () => {
  const { code, out } = await carna(`marathon render ${good()}`);
  assert.equal(code, 0);
  const group = JSON.parse(out) as Group;
  assert.equal(group.id, '/carna/dc1');
  assert.deepEqual(
    group.apps.map(({ id }) => id),
    APP_NAMES.map((name) => `/carna/dc1/${name}`),
  );
  assert.equal((await carna(`marathon render ${good()}`)).out, out);
});

test('one app, or one pod, is printed by its role', async () => {
  const app = JSON.parse((await carna(`marathon render ${good()} --role media`)).out) as object;
  assert.ok('container' in app && !('apps' in app));
  const pod = JSON.parse(
    (await carna(`marathon render ${good()} --role media --pods`)).out,
  ) as object;
  assert.ok('containers' in pod);
  const other = await carna(`marathon render ${good()} --role medai`);
  assert.equal(other.code, 2);
  assert.match(other.err, /reconciler \| registrar \| media/);
});

test('a folder gets the group and each app, as carna lint takes them', async () => {
  const folder = join(dir, 'a/b');
  const { code, out } = await carna(`marathon render ${good()} --out ${folder}`);
  assert.equal(code, 0);
  const files = readdirSync(folder).sort();
  assert.deepEqual(files, ['group.json', ...APP_NAMES.map((name) => `${name}.json`)].sort());
  assert.deepEqual(
    out.trim().split('\n').sort(),
    files.map((name) => join(folder, name)),
  );
  const lint = await carna(`lint ${files.map((name) => join(folder, name)).join(' ')}`);
  assert.match(lint.out, /nothing found in 7 files/);
});

test('a folder of pods has a group with the reconciler alone; a group of pods there is not', async () => {
  const folder = join(dir, 'pods');
  assert.equal((await carna(`marathon render ${good()} --pods --out ${folder}`)).code, 0);
  const group = JSON.parse(readFileSync(join(folder, 'group.json'), 'utf8')) as Group;
  assert.deepEqual(
    group.apps.map(({ id }) => id),
    ['/carna/dc1/reconciler'],
  );
  assert.ok(readdirSync(folder).includes('media.pod.json'));
  const whole = await carna(`marathon render ${good()} --pods`);
  assert.deepEqual([whole.code, whole.out], [2, '']);
  assert.match(whole.err, /no pods in a group/);
  const named = file(
    'named.yaml',
    exampleText().replace('sipInterface: null', 'sipInterface: eth1'),
  );
  assert.equal((await carna(`marathon render ${named}`)).code, 0);
  assert.match((await carna(`marathon render ${named} --pods --role media`)).err, /sipInterface/);
});

test('mistakes in the values end with 2 and are told with place and line; nothing is printed', async () => {
  const bad = file('bad.yaml', exampleText().replace('sipDomain:', 'sipDomane:'));
  const { code, out, err } = await carna(`marathon render ${bad}`);
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, /^✘ 2 mistakes in .*bad\.yaml\n/);
  assert.match(err, /sipDomain {2}expected a domain/);
  assert.match(err, /sipDomane \(line \d+\) {2}no such setting; did you mean "sipDomain"\?/);
});

test('values that carna lint would refuse the definitions of end with 1; no secret is shown', async () => {
  const text = exampleText().replace('CARNA_MAX_SESSIONS: 1000', 'CARNA_ESL_PASSWORD: hunter2');
  const { code, out, err } = await carna(`marathon render ${file('secret.yaml', text)}`);
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /apps\[2\]\.env\.CARNA_ESL_PASSWORD {2}secret/);
  assert.ok(!err.includes('hunter2'));
});

test('a file that is not there is named with the remedy, exit code 3', async () => {
  const { code, err } = await carna(`marathon render ${join(dir, 'none.yaml')}`);
  assert.equal(code, 3);
  assert.match(err, /none\.yaml cannot be read: ENOENT[^]*carna marathon values/);
});
