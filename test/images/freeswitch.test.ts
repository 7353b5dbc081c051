import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { testDir } from '../support/resources.js';
import type { Outcome } from './support/docker.js';
import {
  docker,
  dockerOutcome,
  exitCodeOf,
  inspect,
  logLines,
  runContainer,
  startContainer,
  until,
} from './support/docker.js';

/**
 * The image of FreeSWITCH, built on a stand-in for Alpine: Debian with programs that play apk, addgroup and
 * adduser. It proves the Dockerfile and how the server is started, and nothing of Alpine's packages.
 */
const NAME = `carna-test-freeswitch-${process.pid}`;
const ALPINE = `${NAME}-alpine`;
const IMAGE = `${NAME}:good`;
const MODULES =
  'console logfile event_socket commands dptools dialplan_xml sofia conference tone_stream sndfile xml_curl';

const APK = `#!/bin/sh
mkdir -p /usr/lib/freeswitch/mod /etc/freeswitch /var/lib/freeswitch
for name in $MODULES; do touch "/usr/lib/freeswitch/mod/mod_$name.so"; done
cat >/usr/bin/freeswitch <<'END'
#!/bin/sh
echo "started $*"
trap 'echo ended; exit 0' TERM
while :; do sleep 1 & wait $!; done
END
chmod 755 /usr/bin/freeswitch
`;
const PLAYED = {
  apk: APK,
  addgroup: '#!/bin/sh\nexec groupadd --gid "$2" "$3"\n',
  adduser:
    '#!/bin/sh\nexec useradd --uid "$2" --gid "$4" --no-create-home --home-dir "$8" "${11}"\n',
};

async function build(context: string, tag: string, ...args: readonly string[]): Promise<Outcome> {
  const options = args.flatMap((arg) => ['--build-arg', arg]);
  return dockerOutcome([
    'build',
    '--force-rm',
    '--network=none',
    '--tag',
    tag,
    ...options,
    context,
  ]);
}

/** The stand-in with these modules in its package; gives its tag. */
async function alpine(tag: string, modules: string): Promise<string> {
  const dir = testDir('alpine');
  for (const [name, text] of Object.entries(PLAYED)) {
    writeFileSync(join(dir, name), text, { mode: 0o755 });
  }
  const copies = Object.keys(PLAYED).map((name) => `COPY ${name} /usr/local/sbin/`);
  const lines = ['FROM carna/base:bookworm', `ENV MODULES="${modules}"`, ...copies];
  writeFileSync(join(dir, 'Dockerfile'), `${lines.join('\n')}\n`);
  const { code, stderr } = await build(dir, `${ALPINE}:${tag}`);
  assert.equal(code, 0, stderr);
  return `${ALPINE}:${tag}`;
}

/** The folder as build.sh gathers it. */
function gathered(): string {
  const dir = testDir('freeswitch');
  cpSync('images/freeswitch', dir, { recursive: true });
  mkdirSync(join(dir, 'config'));
  cpSync('freeswitch', join(dir, 'config'), { recursive: true });
  return dir;
}

before(async () => {
  const { code, stdout, stderr } = await build(
    gathered(),
    IMAGE,
    `ALPINE=${await alpine('good', MODULES)}`,
  );
  assert.equal(code, 0, stdout + stderr);
});
after(() => dockerOutcome(['image', 'rm', '--force', IMAGE, `${ALPINE}:good`, `${ALPINE}:poor`]));

const ENV = ['CARNA_SIP_HOST=127.0.0.1', 'CARNA_NODE_ID=media-1', 'CARNA_ESL_PASSWORD=a1b2c3'];
const envOf = (...more: readonly string[]): string[] =>
  [...ENV, ...more].flatMap((entry) => ['--env', entry]);

test('a package without a module that the configuration asks for fails the build', async () => {
  const poor = await alpine('poor', MODULES.replace('sndfile ', ''));
  const { code, stdout, stderr } = await build(gathered(), `${NAME}:poor`, `ALPINE=${poor}`);
  assert.notEqual(code, 0);
  assert.match(stdout + stderr, /mod_sndfile is missing/);
});

test('it runs as user 10001 and holds our configuration in place of the package’s', async () => {
  assert.equal(await inspect(IMAGE, '.Config.User'), '10001:10001');
  const { stdout } = await runContainer(
    [],
    IMAGE,
    'sh',
    '-c',
    'id -u; cd /etc; ls -d *freeswitch carna/*',
  );
  assert.deepEqual(stdout.split('\n').slice(0, 2), ['10001', 'carna/freeswitch']);
  const { stdout: files } = await runContainer([], IMAGE, 'ls', '/etc/carna/freeswitch');
  assert.match(files, /^freeswitch\.xml$/m);
});

test('it serves in the foreground on a file system that it cannot write, and SIGTERM ends it', async (t) => {
  const options = ['--network=none', '--read-only', ...envOf()];
  const name = await startContainer(t, options, IMAGE);
  const line = await until('the start', async () => {
    return (await logLines(name)).find((text) => text.startsWith('started')) ?? null;
  });
  assert.match(
    line,
    /^started -nf -nc -nonat -np -conf \/etc\/carna\/freeswitch -log \/run\/carna\//,
  );
  assert.doesNotMatch(line, /a1b2c3/);
  await docker('kill', '--signal', 'SIGTERM', name);
  assert.equal(await exitCodeOf(name), 0);
  assert.ok((await logLines(name)).includes('ended'), 'the signal reached the program itself');
});

test('without an address it ends with 2 and names the variable', async () => {
  const { code, stderr } = await runContainer(envOf('CARNA_SIP_HOST='), IMAGE);
  assert.equal(code, 2);
  assert.match(stderr, /^CARNA_SIP_HOST: expected/m);
});
