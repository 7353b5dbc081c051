import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dockerfileFaults, parseDockerfile } from './support/dockerfile.js';

/** What images/build.sh gathers for each part, and what it is made of. */
const STAGED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  carna: {
    'node/node': 'images/carna/node/package-lock.json',
    '.npmrc': '.npmrc',
    LICENSE: 'LICENSE',
    'package.json': 'package.json',
    'package-lock.json': 'package-lock.json',
    node_modules: 'package-lock.json',
    kamailio: 'kamailio',
    freeswitch: 'freeswitch',
    marathon: 'marathon',
    dist: 'src',
  },
  kamailio: { config: 'kamailio' },
  freeswitch: { config: 'freeswitch' },
  standin: {},
};
const parts = readdirSync('images', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const read = (part: string): string => readFileSync(join('images', part, 'Dockerfile'), 'utf8');

test('every folder of images is a part that build.sh builds', () => {
  const [, list = ''] = /^PARTS=\((.*)\)$/m.exec(readFileSync('images/lib.sh', 'utf8')) ?? [];
  assert.deepEqual(list.split(' ').sort(), parts);
  assert.deepEqual(Object.keys(STAGED).sort(), parts);
});

for (const part of parts) {
  test(`${part}: pinned, unprivileged, without secrets, and all that it copies is there`, () => {
    const isThere = (path: string): boolean => existsSync(join('images', part, path));
    const staged = new Set(Object.keys(STAGED[part] ?? {}));
    assert.deepEqual(dockerfileFaults(read(part), isThere, staged), []);
  });

  test(`${part}: build.sh gathers what is not in its folder`, () => {
    const script = readFileSync('images/build.sh', 'utf8');
    const [, body = ''] = new RegExp(`stage_${part}\\(\\) \\{([^]*?)\\}\n`).exec(script) ?? [];
    for (const [name, made] of Object.entries(STAGED[part] ?? {})) {
      assert.ok(existsSync(made), made);
      if (name !== 'node_modules') assert.ok(script.includes(name.split('/').at(-1) ?? name), name);
    }
    assert.ok(body !== '', `stage_${part}`);
  });

  test(`${part}: what it starts is there and may be run`, () => {
    const all = parseDockerfile(read(part));
    const copies = all.filter(({ name }) => name === 'COPY').map(({ text }) => text.split(' '));
    for (const { name, text } of all) {
      if (name !== 'CMD' && name !== 'ENTRYPOINT') continue;
      const [, program = ''] = /^\["(\/usr\/local\/bin\/[^"]*)"/.exec(text) ?? [];
      const source = copies.find((words) => words.at(-1) === program)?.[0];
      if (program === '') continue;
      assert.ok(source !== undefined, `${program} is copied`);
      assert.equal(statSync(join('images', part, source)).mode & 0o111, 0o111, source);
    }
  });
}

test('only the agent and the reconciler are asked by a health check: they judge their servers', () => {
  const checked = parts.filter((part) => !/^HEALTHCHECK NONE$/m.test(read(part)));
  assert.deepEqual(checked, ['carna']);
});

const GOOD = `ARG BASE=carna/base:bookworm
FROM \${BASE}
RUN apt-get update && apt-get install -y 'kamailio=5.6.3-*' && rm -rf /var/lib/apt/lists/*
COPY start /usr/local/bin/
USER 10001:10001
HEALTHCHECK NONE
`;
const faultsOf = (text: string): readonly string[] =>
  dockerfileFaults(text, (path) => path === 'start', new Set());

test('a Dockerfile as it should be has no fault', () => {
  assert.deepEqual(faultsOf(GOOD), []);
});

for (const [from, to, fault] of [
  ['carna/base:bookworm', 'debian:latest', /FROM debian:latest: neither ours nor pinned/],
  ['FROM ${BASE}', 'FROM alpine:3.23', /FROM alpine:3.23: neither/],
  ['COPY start', 'COPY gone', /COPY gone: neither in the folder/],
  ['USER 10001:10001\n', '', /USER is root/],
  ['USER 10001:10001', 'USER root', /USER is root/],
  ['USER 10001:10001', 'ARG REPO_TOKEN\nUSER 10001:10001', /ARG names a secret/],
  ['USER 10001:10001', 'ENV DB_PASSWORD=x\nUSER 10001:10001', /ENV names a secret/],
  ['apt-get update', 'apt-get update -o P=http://u:p@h/', /RUN holds a URL with a password/],
  ["'kamailio=5.6.3-*'", 'kamailio', /package kamailio is not pinned/],
  [' && rm -rf /var/lib/apt/lists/*', '', /the lists of apt stay/],
  ['apt-get install', 'apk add', /apk keeps its cache/],
  ['USER 10001:10001', 'RUN npm ci\nUSER 10001:10001', /builds or fetches in the image/],
  ['HEALTHCHECK NONE\n', '', /no HEALTHCHECK/],
  ['COPY start', 'ADD start', /ADD fetches/],
] as const) {
  test(`a fault is found: ${fault.source}, by ${to === '' ? 'nothing' : to.split('\n')[0]} for ${from.split('\n')[0]}`, () => {
    assert.ok(GOOD.includes(from));
    assert.match(faultsOf(GOOD.replace(from, to)).join('\n'), fault);
  });
}
