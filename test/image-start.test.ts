import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeswitchCommand } from '../src/lab/freeswitch.js';
import { packageRoot } from '../src/util/package-root.js';
import { testDir } from './support/resources.js';

const ENV = {
  CARNA_SIP_HOST: '127.0.30.1',
  CARNA_ESL_PASSWORD: 'a1b2c3',
  CARNA_NODE_ID: 'carna_dc1_media.instance-1',
};

interface Started {
  readonly code: number | null;
  readonly stderr: string;
  /** Arguments and environment of the program; empty when it was not started. */
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly runDir: string;
}

/** Runs images/freeswitch/start with a program that tells how it was started. */
function start(env: Readonly<Record<string, string>>): Started {
  const runDir = testDir('fs-start');
  const program = join(runDir, 'freeswitch.sh');
  writeFileSync(program, '#!/bin/sh\nprintf "%s\\n" "$@"; echo --; env\n');
  chmodSync(program, 0o755);
  const { status, stdout, stderr } = spawnSync('images/freeswitch/start', {
    env: { PATH: process.env['PATH'], CARNA_RUN_DIR: runDir, CARNA_FREESWITCH: program, ...env },
    encoding: 'utf8',
  });
  const [args = '', told = ''] = stdout.split('--\n');
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const pairs = lines(told).map((line): [string, string] => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return { code: status, stderr, args: lines(args), env: new Map(pairs), runDir };
}

test('FreeSWITCH is started in its image as in the lab, but for the folder of its configuration', () => {
  const { code, args, env, runDir } = start(ENV);
  assert.equal(code, 0);
  const found = { binary: '/usr/bin/freeswitch', prefix: '/usr', modDir: null };
  const inLab = freeswitchCommand(found, {
    ...{ runDir, nodeName: 'n', sipHost: '127.0.30.1', sipPort: 5060, eslHost: '127.0.0.1' },
    ...{ eslPort: 8021, eslPassword: 'a1b2c3', maxSessions: 1000 },
  });
  const conf = join(packageRoot(), 'freeswitch');
  const expected = inLab.command
    .slice(1)
    .map((arg) => (arg === conf ? '/etc/carna/freeswitch' : arg));
  assert.deepEqual(args, expected);
  for (const [name, value] of Object.entries({
    ...inLab.env,
    CARNA_NODE_NAME: ENV.CARNA_NODE_ID,
  })) {
    assert.equal(env.get(name), value, name);
  }
  for (const dir of inLab.directories) assert.equal(statSync(dir).mode & 0o777, 0o700, dir);
});

test('the environment that vars.xml reads is all set or optional', () => {
  const { env } = start(ENV);
  const vars = readFileSync('freeswitch/vars.xml', 'utf8');
  const read = [...vars.matchAll(/cmd="env-set" data="\w+=\$(\w+)"/g)].map(
    ([, name]) => name ?? '',
  );
  assert.ok(read.length >= 9);
  const unset = read.filter((name) => !env.has(name));
  assert.deepEqual(unset, ['CARNA_XML_CURL_URL']);
});

test('the password may come from a file; an agent that does not know its sessions says nothing of them', () => {
  const file = join(testDir('esl'), 'password');
  writeFileSync(file, 'from-a-file\n');
  const { CARNA_SIP_HOST, CARNA_NODE_ID } = ENV;
  const { env } = start({
    ...{ CARNA_SIP_HOST, CARNA_NODE_ID, CARNA_ESL_PASSWORD_FILE: file, CARNA_MAX_SESSIONS: '0' },
  });
  assert.equal(env.get('CARNA_ESL_PASSWORD'), 'from-a-file');
  assert.equal(env.get('CARNA_MAX_SESSIONS'), '1000');
});

for (const [what, change, name] of [
  ['no address', { CARNA_SIP_HOST: '' }, 'CARNA_SIP_HOST'],
  ['no name', { CARNA_NODE_ID: '' }, 'CARNA_NODE_NAME'],
  ['no password', { CARNA_ESL_PASSWORD: '' }, 'CARNA_ESL_PASSWORD'],
  ['the stock password', { CARNA_ESL_PASSWORD: 'ClueCon' }, 'CARNA_ESL_PASSWORD'],
  ['what breaks XML', { CARNA_ESL_PASSWORD: 'pass"word' }, 'CARNA_ESL_PASSWORD'],
  [
    'a password file that is not there',
    { CARNA_ESL_PASSWORD: '', CARNA_ESL_PASSWORD_FILE: '/nowhere' },
    'CARNA_ESL_PASSWORD_FILE',
  ],
] as const) {
  test(`FreeSWITCH is not started with ${what}; the variable is named, its value is not`, () => {
    const { code, stderr, args } = start({ ...ENV, ...change });
    assert.equal(code, 2);
    assert.deepEqual(args, []);
    assert.match(stderr, new RegExp(`^${name}: expected `));
    assert.doesNotMatch(stderr, /pass"word|ClueCon/);
  });
}

for (const script of ['carna/entrypoint', 'carna/init', 'kamailio/start', 'freeswitch/start']) {
  test(`${script} is a script for any sh`, () => {
    const text = readFileSync(join('images', script), 'utf8');
    assert.match(text, /^#!\/bin\/sh\n/);
    execFileSync('sh', ['-n', join('images', script)]);
  });
}
