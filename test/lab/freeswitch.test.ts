import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  findFreeswitch,
  freeswitchCommand,
  prepareFreeswitchDirs,
  type FreeswitchNode,
} from '../../src/lab/freeswitch.js';
import { packageRoot } from '../../src/util/package-root.js';
import { testDir } from '../support/resources.js';

const CONF = join(packageRoot(), 'freeswitch');
const SECRET = 'a1b2c3d4e5f6';

const node = (runDir: string): FreeswitchNode => ({
  runDir,
  nodeName: 'media-1',
  sipHost: '127.0.30.1',
  sipPort: 5060,
  eslHost: '127.0.30.1',
  eslPort: 8021,
  eslPassword: SECRET,
  maxSessions: 1000,
});

/** A prefix with an executable that is never run, and modules at `modDir` if given. */
function installed(modDir: string | null): string {
  const prefix = testDir('fs-prefix');
  mkdirSync(join(prefix, 'bin'));
  const binary = join(prefix, 'bin/freeswitch');
  writeFileSync(binary, '');
  chmodSync(binary, 0o755);
  if (modDir !== null) {
    mkdirSync(join(prefix, modDir), { recursive: true });
    writeFileSync(join(prefix, modDir, 'mod_sofia.so'), '');
  }
  return prefix;
}

for (const modDir of ['lib/freeswitch/mod', 'mod', 'lib64/freeswitch/mod']) {
  test(`finds the binary on PATH and its modules in ${modDir}`, () => {
    const prefix = installed(modDir);
    const found = findFreeswitch({ PATH: `/nonexistent:${prefix}/bin` });
    assert.deepEqual(found, {
      binary: join(prefix, 'bin/freeswitch'),
      prefix,
      modDir: join(prefix, modDir),
    });
  });
}

test('CARNA_FREESWITCH goes before PATH; without a module folder the built-in path holds', () => {
  const [named, onPath] = [installed(null), installed('mod')];
  const found = findFreeswitch({
    CARNA_FREESWITCH: `${named}/bin/freeswitch`,
    PATH: `${onPath}/bin`,
  });
  assert.equal(found?.prefix, named);
  assert.equal(found?.modDir, null);
});

test('no FreeSWITCH at all is null; a wrong CARNA_FREESWITCH is named', () => {
  assert.equal(findFreeswitch({ PATH: '/nonexistent' }), null);
  assert.equal(findFreeswitch({}), null);
  assert.throws(
    () => findFreeswitch({ CARNA_FREESWITCH: '/nonexistent/freeswitch' }),
    /CARNA_FREESWITCH=\/nonexistent\/freeswitch/,
  );
});

test('the command stays in the foreground, writes below the run directory, and hides the password', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: '/opt/fs/mod' };
  const { command, env, directories } = freeswitchCommand(found, node('/run/media-1'));
  const valueOf = (flag: string): string | undefined => command[command.indexOf(flag) + 1];
  assert.equal(command[0], found.binary);
  for (const flag of ['-nf', '-nc', '-nonat']) assert.ok(command.includes(flag), flag);
  assert.equal(valueOf('-conf'), CONF);
  assert.equal(valueOf('-log'), '/run/media-1/log');
  assert.equal(valueOf('-db'), '/run/media-1/db');
  assert.equal(valueOf('-run'), '/run/media-1/run');
  assert.equal(valueOf('-mod'), '/opt/fs/mod');
  assert.ok(directories.includes('/run/media-1/log'));
  assert.ok(!command.join(' ').includes(SECRET), 'the password must not be an argument');
  assert.equal(env['CARNA_ESL_PASSWORD'], SECRET);
  const noModules = freeswitchCommand({ ...found, modDir: null }, node('/run/media-1'));
  assert.ok(!noModules.command.includes('-mod'));
});

test('a value that would break the XML is refused by name and not shown', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const bad = { ...node('/run/media-1'), eslPassword: 'se"cret' };
  assert.throws(
    () => freeswitchCommand(found, bad),
    (err: Error) => err.message.includes('CARNA_ESL_PASSWORD') && !err.message.includes('se"cret'),
  );
});

test('only the owner can read the folder into which FreeSWITCH expands its configuration', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const command = freeswitchCommand(found, node(testDir('fs-run')));
  prepareFreeswitchDirs(command);
  prepareFreeswitchDirs(command);
  for (const dir of command.directories) assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
});

const files = readdirSync(CONF, { recursive: true, encoding: 'utf8' }).filter((f) =>
  f.endsWith('.xml'),
);

test('the configuration is there', () => {
  assert.ok(files.length >= 10, String(files));
});

for (const file of files) {
  test(`${file} is well-formed`, () => {
    const text = readFileSync(join(CONF, file), 'utf8');
    assert.equal(wellFormedFault(text), null);
  });
}

test('the well-formedness test can fail', () => {
  for (const bad of [
    '<a><b></a></b>',
    '<a>',
    '<a b=c/>',
    '<a/><b/>',
    '<!-- a -- b --><a/>',
    '<a>&</a>',
    'x<a/>',
  ]) {
    assert.notEqual(wellFormedFault(bad), null, bad);
  }
});

test('every variable that the configuration uses is set from what the command passes', () => {
  const found = { binary: '/opt/fs/bin/freeswitch', prefix: '/opt/fs', modDir: null };
  const { env } = freeswitchCommand(found, node('/run/media-1'));
  const vars = readFileSync(join(CONF, 'vars.xml'), 'utf8');
  const set = new Map(
    [...vars.matchAll(/cmd="env-set" data="(\w+)=\$(\w+)"/g)].map((m) => [m[1], m[2]]),
  );
  const used = new Set(
    files.flatMap((file) =>
      [...readFileSync(join(CONF, file), 'utf8').matchAll(/\$\$\{(\w+)\}/g)].map((m) => m[1]),
    ),
  );
  assert.ok(used.size >= 6);
  for (const name of used) {
    const from = set.get(name);
    assert.ok(from !== undefined && env[from] !== undefined, `${name} is set by nothing`);
  }
});

test('nothing of one machine is baked in', () => {
  for (const file of files) {
    const text = readFileSync(join(CONF, file), 'utf8');
    assert.doesNotMatch(text, /\d+\.\d+\.\d+\.\d+|ClueCon|\/(?:usr|opt|var|etc)\//, file);
  }
});

/** What is wrong with an XML text, or null: tags nest, attributes are quoted, one root, no bare `&`. */
function wellFormedFault(text: string): string | null {
  const open: string[] = [];
  let roots = 0;
  let at = 0;
  const token =
    /<\?[^]*?\?>|<!--(?:(?!--)[^])*-->|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+="[^"<&]*")*)\s*(\/?)>|[^<&]+|&(?:amp|lt|gt|quot|apos);/y;
  while (at < text.length) {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match === null) return `bad markup at ${text.slice(at, at + 40)}`;
    at = token.lastIndex;
    const [whole, close, start, , isEmpty] = match;
    if (close !== undefined && open.pop() !== close) return `</${close}> closes nothing`;
    if (start !== undefined && open.length === 0) roots += 1;
    if (start !== undefined && isEmpty === '') open.push(start);
    if (close === undefined && start === undefined && !whole.startsWith('<')) {
      if (open.length === 0 && whole.trim() !== '') return 'text outside the root';
    }
  }
  if (open.length > 0) return `<${open.at(-1)}> is never closed`;
  return roots === 1 ? null : `${roots} roots`;
}
