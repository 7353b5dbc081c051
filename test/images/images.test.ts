import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { testDir } from '../support/resources.js';
import { docker, imageOf, inspect, runContainer, startContainer, until } from './support/docker.js';
import type { ImagePart } from './support/docker.js';

const PARTS: readonly ImagePart[] = ['carna', 'kamailio', 'standin'];
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

for (const part of PARTS) {
  test(`${part}: runs as user 10001, not as root`, async () => {
    const { code, stdout } = await runContainer(['--entrypoint=id'], imageOf(part), '-u');
    assert.equal(code, 0);
    assert.equal(stdout.trim(), '10001');
    assert.equal(await inspect(imageOf(part), '.Config.User'), '10001:10001');
  });

  test(`${part}: may write to its own folder only`, async () => {
    const { stdout } = await runContainer(
      ['--entrypoint=find'],
      imageOf(part),
      ...['/opt', '/usr', '/etc', '/run', '-xdev', '-writable', '!', '-type', 'l'],
    );
    const found = stdout.split('\n').filter((path) => path !== '');
    assert.deepEqual(found.sort(), ['/run/carna', '/run/lock']); // Debian's own is open to everybody.
  });

  test(`${part}: no credential in its environment or history`, async () => {
    const env = (await inspect(imageOf(part), '.Config.Env')) as string[];
    const names = env.map((entry) => entry.split('=', 1)[0] ?? '');
    const known = ['PATH', 'NODE_ENV', 'CARNA_STATE_DIR', 'CARNA_CTL_SOCKET'];
    assert.deepEqual(
      names.filter((name) => !known.includes(name)),
      [],
    );
    const history = await docker(
      'history',
      '--no-trunc',
      '--format',
      '{{.CreatedBy}}',
      imageOf(part),
    );
    assert.doesNotMatch(history, /passw|secret|token|:\/\/[^/\s]*:[^/\s]*@/i);
  });

  test(`${part}: says what it is and from which version`, async () => {
    const labels = (await inspect(imageOf(part), '.Config.Labels')) as Record<string, string>;
    assert.equal(labels['carna.made-by'], 'images');
    assert.equal(labels['org.opencontainers.image.version'], version);
    assert.equal(labels['org.opencontainers.image.title'], `carna-${part}`);
    assert.equal(labels['carna.for-tests-only'], part === 'standin' ? 'true' : undefined);
  });
}

test('carna tells its version', async () => {
  const { code, stdout } = await runContainer([], imageOf('carna'), '--version');
  assert.deepEqual({ code, stdout: stdout.trim() }, { code: 0, stdout: version });
});

for (const daemon of ['agent', 'reconciler']) {
  test(`without settings ${daemon} names what is missing and ends with 2`, async () => {
    const { code, stderr } = await runContainer([], imageOf('carna'), daemon);
    assert.equal(code, 2);
    assert.match(stderr, /CARNA_ZOOKEEPER/);
  });
}

test('the stand-in without settings names them and ends with 2', async () => {
  const { code, stderr } = await runContainer([], imageOf('standin'));
  assert.equal(code, 2);
  assert.match(stderr, /CARNA_ESL_PASSWORD/);
});

test('the carna image has packages for production only', async () => {
  const { stdout } = await runContainer(['--entrypoint=ls'], imageOf('carna'), PACKAGES);
  const names = stdout.trim().split('\n');
  assert.ok(names.includes('fastify'));
  assert.ok(!names.includes('typescript') && !names.includes('eslint'));
});
const PACKAGES = '/opt/carna/node_modules';

const ANSWER = `let code = 200;
process.on('SIGUSR2', () => { code = 503; });
require('node:http').createServer((_, reply) => { reply.statusCode = code; reply.end('{}'); })
  .listen(9123, '0.0.0.0')`;

test('the health check follows /healthz of the daemon', async (t) => {
  const name = await startContainer(
    t,
    [
      ...[
        '--network=none',
        '--health-interval=200ms',
        '--health-retries=1',
        '--health-start-period=0s',
      ],
      ...['--env=CARNA_HTTP_HOST=0.0.0.0', '--env=CARNA_HTTP_PORT=9123', '--entrypoint=node'],
    ],
    imageOf('carna'),
    '-e',
    ANSWER,
  );
  const turns = (status: string): Promise<true> =>
    until(`health ${status}`, async () =>
      (await inspect(name, '.State.Health.Status')) === status ? true : null,
    );
  await turns('healthy');
  await docker('kill', '--signal', 'SIGUSR2', name);
  await turns('unhealthy');
});

const KAMAILIO_ENV = {
  CARNA_SIP_HOST: '127.0.0.1',
  CARNA_SIP_PORT: '5999',
  CARNA_KAMAILIO_DB_URL: 'postgres://reader:word@127.0.0.1:5432/carna',
};

function checkConfig(
  env: Readonly<Record<string, string>>,
  ...more: readonly string[]
): ReturnType<typeof runContainer> {
  const options = Object.entries(env).map(([name, value]) => `--env=${name}=${value}`);
  return runContainer([...options, ...more], imageOf('kamailio'), 'carna-kamailio', '-c');
}

const ROLE_ENV: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'load-balancer': {},
  dispatcher: {},
  registrar: { CARNA_DMQ_PORT: '5998' },
  outbound: { CARNA_DMQ_PORT: '5998' },
};

for (const [role, more] of Object.entries(ROLE_ENV)) {
  test(`Kamailio in its image accepts the configuration of a ${role}`, async () => {
    const { code, stderr } = await checkConfig({ ...KAMAILIO_ENV, ...more, CARNA_ROLE: role });
    assert.equal(code, 0, stderr);
  });

  test(`Kamailio in its image refuses to be a ${role} without an address`, async () => {
    const { CARNA_SIP_PORT, CARNA_KAMAILIO_DB_URL } = KAMAILIO_ENV;
    const env = { CARNA_SIP_PORT, CARNA_KAMAILIO_DB_URL, ...more, CARNA_ROLE: role };
    const { code, stderr } = await checkConfig(env);
    assert.notEqual(code, 0);
    assert.match(stderr, /CARNA_SIP_HOST/);
  });
}

test('Kamailio for a role without configuration ends with 2 and names the variable', async () => {
  const { code, stderr } = await checkConfig({ ...KAMAILIO_ENV, CARNA_ROLE: 'media' });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /CARNA_ROLE: expected load-balancer, dispatcher, registrar or outbound, found media/,
  );
});

test('Kamailio in its image reads its database and its secret from files, on a file system that it cannot write', async () => {
  const dir = testDir('secrets');
  writeFileSync(join(dir, 'url'), `${KAMAILIO_ENV.CARNA_KAMAILIO_DB_URL}\n`, { mode: 0o444 });
  writeFileSync(join(dir, 'secret'), 'word\n', { mode: 0o444 });
  const { CARNA_SIP_HOST, CARNA_SIP_PORT } = KAMAILIO_ENV;
  const env = {
    ...{ CARNA_SIP_HOST, CARNA_SIP_PORT, CARNA_ROLE: 'load-balancer' },
    ...{ CARNA_KAMAILIO_DB_URL_FILE: '/secrets/url', CARNA_ROUTE_SECRET_FILE: '/secrets/secret' },
  };
  const options = ['--read-only', `--volume=${dir}:/secrets:ro`];
  const { code, stderr } = await checkConfig(env, ...options);
  assert.equal(code, 0, stderr);
  const { code: refused, stderr: why } = await checkConfig(env);
  assert.equal(refused, 2);
  assert.match(why, /CARNA_KAMAILIO_DB_URL_FILE: expected a readable file, found \/secrets\/url/);
});

test('carna-init waits while something is away, gives up after its time, and says so by its exit code', async () => {
  const fake = join(testDir('init'), 'carna');
  const script =
    'echo "$@"; [ -e /run/carna/tried ] && exit "$THEN"; touch /run/carna/tried; exit 3';
  writeFileSync(fake, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const run = (...env: readonly string[]): ReturnType<typeof runContainer> =>
    runContainer(
      [
        ...['--entrypoint=carna-init', `--volume=${fake}:/fake:ro`, '--env=CARNA_BIN=/fake'],
        ...env.map((entry) => `--env=${entry}`),
      ],
      ...[imageOf('carna'), '--logins', '/secrets'],
    );
  const later = await run('THEN=0');
  assert.equal(later.code, 0);
  assert.equal(later.stdout, 'init --logins /secrets\n'.repeat(2));
  assert.equal((await run('THEN=2')).code, 2, 'what waiting does not mend ends it');
  assert.equal((await run('THEN=0', 'CARNA_INIT_WAIT_S=0')).code, 3);
});

test('the carna image has the tables that carna init loads', async () => {
  const { stdout } = await runContainer(['--entrypoint=ls'], imageOf('carna'), SCHEMA);
  for (const name of ['standard', 'dispatcher', 'usrloc', 'presence']) {
    assert.match(stdout, new RegExp(`^${name}-create\\.sql$`, 'm'));
  }
});
const SCHEMA = '/usr/share/kamailio/postgres';
