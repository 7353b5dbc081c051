import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  findFreeswitch,
  freeswitchCommand,
  prepareFreeswitchDirs,
} from '../../src/lab/freeswitch.js';
import { testDir } from '../support/resources.js';
import { CONF, FOUND, node, SECRET } from './freeswitch-node.js';

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
  const noModules = freeswitchCommand(FOUND, node('/run/media-1'));
  assert.ok(!noModules.command.includes('-mod'));
});

test('a value that would break the XML is refused by name and not shown', () => {
  const bad = { ...node('/run/media-1'), eslPassword: 'se"cret' };
  assert.throws(
    () => freeswitchCommand(FOUND, bad),
    (err: Error) => err.message.includes('CARNA_ESL_PASSWORD') && !err.message.includes('se"cret'),
  );
});

test('only the owner can read the folder into which FreeSWITCH expands its configuration', () => {
  const command = freeswitchCommand(FOUND, node(testDir('fs-run')));
  prepareFreeswitchDirs(command);
  prepareFreeswitchDirs(command);
  for (const dir of command.directories) assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
});
