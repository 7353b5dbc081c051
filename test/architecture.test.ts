import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';

/** What each folder of src may import, besides itself. ARCHITECTURE.md explains why. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  util: [],
  topology: ['util'],
  http: ['util'],
  protocols: ['util'],
  config: ['util', 'topology'],
  marathon: ['util', 'topology'],
  registry: ['util', 'topology'],
  store: ['util', 'topology'],
  agent: ['util', 'topology', 'protocols', 'registry', 'store', 'http'],
  reconciler: ['util', 'topology', 'protocols', 'registry', 'store', 'http'],
  lab: [
    'util',
    'topology',
    'config',
    'protocols',
    'registry',
    'store',
    'agent',
    'reconciler',
    'http',
  ],
  cli: [
    'util',
    'topology',
    'config',
    'protocols',
    'registry',
    'store',
    'agent',
    'reconciler',
    'http',
    'lab',
    'marathon',
  ],
  bin: ['cli'],
};

/** The one folder that may use a package; type-only imports are free everywhere. */
const HOME: Readonly<Record<string, string>> = {
  'node-zookeeper-client': 'registry',
  pg: 'store',
  esl: 'protocols',
  dockerode: 'agent',
  fastify: 'http',
  'prom-client': 'http',
  yaml: 'cli',
  commander: 'cli',
  pino: 'cli',
};

/** zod reads outside data: in config, and in any file named as a codec. */
const mayUseZod = (file: string): boolean =>
  file.startsWith('config/') || file.endsWith('codec.ts');

/** Loaded when it is needed. */
const LATE_IMPORT = /\bimport\('([^'.][^']*)'\)/g;
const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^;']*?from\s+)?'([^']+)'/gm;

/** Pure folders: no package, no node: module, no clock, no randomness. */
const PURE = new Set(['topology']);

const files = readdirSync('src', { recursive: true, encoding: 'utf8' });

test('the import rules see the sources', () => assert.ok(files.length > 10));

for (const file of files) {
  if (!file.endsWith('.ts')) continue;
  const folder = file.split('/')[0] ?? '';
  test(`imports of src/${file}`, () => {
    const text = readFileSync(join('src', file), 'utf8');
    const allowed = MAY_IMPORT[folder];
    assert.ok(allowed, `unknown folder src/${folder}`);
    for (const [, target = ''] of text.matchAll(LATE_IMPORT)) checkPackage(file, folder, target);
    for (const [, type, target = ''] of text.matchAll(IMPORT)) {
      if (target.startsWith('.')) {
        const to = posix.normalize(posix.join(posix.dirname(file), target)).split('/')[0] ?? '';
        assert.ok(to === folder || allowed.includes(to), `${folder} must not import ${to}`);
      } else if (type === undefined) {
        checkPackage(file, folder, target);
      }
    }
    if (PURE.has(folder)) {
      assert.doesNotMatch(text, /Date\.now|new Date\(\)|performance\.|Math\.random|process\./);
    }
  });
}

function checkPackage(file: string, folder: string, target: string): void {
  if (target === 'zod') {
    assert.ok(mayUseZod(file), 'zod belongs to src/config and to codecs of outside data');
    return;
  }
  const name = target.split('/')[0] ?? target;
  assert.ok(!PURE.has(folder), `${folder} is pure and must not import ${target}`);
  assert.equal(HOME[name] ?? folder, folder, `${target} belongs to src/${HOME[name]}`);
}
