import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { untilInterrupted } from '../../src/cli/process-like.js';
import { packageRoot } from '../../src/util/package-root.js';
import { InvalidInputError, ServerUnavailableError } from '../../src/util/errors.js';
import { parseAgentHealth, parseAgentLive } from '../../src/cli/agent-health-codec.js';
import { readAgentHealth } from '../../src/cli/agent-http.js';
import type { Fetch } from '../../src/cli/agent-http.js';
import { carna } from './support.js';

for (const [line, code, stream] of [
  ['--version', 0, /^\d+\.\d+\.\d+/],
  ['--help', 0, /Exit codes:[^]*refused by a guard/],
  ['drain --help', 0, /Examples:[^]*carna drain media-1/],
  ['', 2, /Usage: carna/],
  ['topolgy', 2, /unknown command 'topolgy'[^]*Did you mean topology\?/],
  ['nodes --role medai', 2, /Allowed choices are .*media/],
  ['nodes --rolle media', 2, /unknown option '--rolle'[^]*Did you mean --role\?/],
  ['drain', 2, /expected a node or --host, found neither/],
  ['drain a/b', 2, /expected a node id/],
  ['drain media-1 --deadline 5', 2, /expected a duration like 90s/],
  ['drain media-1 --deadline 0s', 2, /expected a duration like 90s/],
  ['timeline --last 0', 2, /expected a number of changes above 0/],
  ['dispatcher --set x', 2, /expected a set number above 0/],
  ['explain', 2, /missing required argument 'node'/],
  ['explain --help', 0, /Exit code 0 when the chain is whole[^]*carna explain media-1/],
  ['plan --set x', 2, /expected a set number above 0/],
  ['plan --help', 0, /4 when something is held back[^]*carna plan --print-wiring/],
  ['user add --help', 0, /--password-stdin[^]*carna user add alice@example\.org/],
  ['trunk add --help', 0, /--prefix[^]*carna trunk add carrier-a/],
  ['registrations --help', 0, /durable copy[^]*carna registrations alice@example\.org/],
  ['location --help', 0, /Exit code 1 when no call would get through/],
  ['lint', 2, /missing required argument 'file'/],
  ['lint --help', 0, /Exit code 0 when nothing was found[^]*carna lint media\.json/],
  ['completion fish', 2, /Allowed choices are bash, zsh/],
] as const) {
  test(`carna ${line} exits with ${code} and says why`, async () => {
    const outcome = await carna(line);
    assert.equal(outcome.code, code);
    assert.match(code === 0 ? outcome.out : outcome.err, stream);
  });
}

test('faults of the configuration are told together, exit code 2', async () => {
  const env = { CARNA_ZOOKEEPER: 'zk', CARNA_DC: 'DC 1' };
  const { code, err } = await carna('nodes', undefined, { env });
  assert.equal(code, 2);
  assert.match(err, /2 fault\(s\)[^]*CARNA_DC: [^]*CARNA_ZOOKEEPER: [^]*next: /);
});

/** What bash offers for the words of a line, the last one unfinished. */
function offered(script: string, words: readonly string[]): string[] {
  const probe = `${script}
COMP_WORDS=(carna ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_carna
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, status, stderr } = spawnSync('bash', ['-c', probe], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

test('the bash completion offers commands, options and choices', async () => {
  const { out } = await carna('completion bash');
  assert.deepEqual(offered(out, ['top']), ['topology']);
  assert.deepEqual(offered(out, ['drain', 'media-1', '--w']), ['--why', '--wait']);
  assert.deepEqual(offered(out, ['completion', 'z']), ['zsh']);
  assert.deepEqual(offered(out, ['user', 'p']), ['passwd']);
  assert.deepEqual(offered(out, ['trunk', 'add', 'a', '--pr']), ['--prefix', '--priority']);
  assert.deepEqual(offered(out, ['location', '--']), ['--all', '--json', '--help']);
});

for (const shell of ['bash', 'zsh']) {
  test(`the ${shell} completion is good syntax`, async () => {
    const { out } = await carna(`completion ${shell}`);
    // zsh's own flags stand inside a quoted expansion, which bash takes as it is.
    const { status, stderr } = spawnSync('bash', ['-n'], { input: out, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(out, /'drain'\)/);
  });
}

test('the health of an agent is read leniently: unknown and missing fields do no harm', () => {
  const drain = { step: 'emptying', left: { count: 3, text: '3 calls' }, endedPerSecond: null };
  assert.deepEqual(parseAgentHealth('x', { nodeId: 'm', state: 'draining', more: 1, drain }), {
    nodeId: 'm',
    state: 'draining',
    calls: 3,
    drain: { step: 'emptying', left: 3, endedPerSecond: null, deadlineAtMs: null, cut: null },
  });
  const empty = { nodeId: null, state: null, calls: null, drain: null };
  assert.deepEqual(parseAgentHealth('x', { drain: 'soon', calls: -1 }), empty);
  assert.throws(() => parseAgentHealth('x', 'hello'), InvalidInputError);
});

test('a live list is read strictly: what does not fit is named', () => {
  const good = { setid: 30, destination: 'sip:a', letters: 'AP', priority: 0, attrs: '' };
  const body = { nodeId: 'disp-1', destinations: [good], readAtMs: 1 };
  assert.deepEqual(parseAgentLive('x', body), body);
  assert.throws(
    () => parseAgentLive('x', { ...body, destinations: [good, { ...good, letters: '??' }] }),
    /destinations\.1\.letters/,
  );
});

const answering =
  (status: number, text: string): Fetch =>
  async () => ({ status, text: async () => text });

test('an agent that is ill still answers; other codes, no JSON and silence are failures', async () => {
  const ill = await readAgentHealth(answering(503, '{"state":"down"}'), 'h:1', 1000);
  assert.equal(ill.state, 'down');
  const ask = (fetch: Fetch): Promise<unknown> => readAgentHealth(fetch, 'h:1', 5);
  await assert.rejects(
    ask(answering(404, '{}')),
    /http:\/\/h:1\/healthz: expected HTTP 200, found 404/,
  );
  await assert.rejects(ask(answering(200, '<html>')), InvalidInputError);
  const refused: Fetch = async () => {
    throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  };
  await assert.rejects(ask(refused), ServerUnavailableError);
  const mute: Fetch = (_url, { signal }) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(new Error('aborted'))),
    );
  await assert.rejects(ask(mute), /no answer within 5 ms/);
});

test('a watch ends when nobody reads its output any more', async () => {
  let listener: ((err: Error) => void) | undefined;
  const stdout = {
    write: () =>
      setImmediate(() => listener?.(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))),
    on: (_event: 'error', l: (err: Error) => void) => (listener = l),
    off: () => (listener = undefined),
  };
  const proc = { on: () => 0, off: () => 0, stdout };
  const seen = await untilInterrupted(proc, async (signal) => {
    stdout.write();
    if (!signal.aborted) await new Promise((end) => signal.addEventListener('abort', end));
    return signal.aborted;
  });
  assert.deepEqual([seen, listener], [true, undefined]);
});

test('the executable prints help, whole, into a pipe that closes early too', () => {
  const bin = join(packageRoot(), 'dist/src/bin/carna.js');
  const help = spawnSync(process.execPath, [bin, '--help'], { encoding: 'utf8' });
  assert.deepEqual([help.status, help.stderr], [0, '']);
  assert.match(help.stdout, /70 a bug of carna; please report it\n$/);
  const early = spawnSync(
    'bash',
    ['-c', `"${process.execPath}" "${bin}" --help | true; echo $PIPESTATUS`],
    {
      encoding: 'utf8',
    },
  );
  assert.deepEqual([early.stdout, early.stderr], ['0\n', '']);
});
