import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_MARK } from '../../support/reaper.js';

/** What `make test-images` says where the engine and the images are. */
export const DOCKER_SOCKET = process.env['CARNA_TEST_DOCKER_SOCKET'] ?? '';
const IMAGES = (process.env['CARNA_TEST_IMAGES'] ?? '').split(',');

const COMMAND_LIMIT_MS = 60_000;
const WAIT_LIMIT_MS = 60_000;
const POLL_MS = 50;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type ImagePart = 'carna' | 'kamailio' | 'standin';

/** The reference of one of our images. Throws when the target that builds them did not start us. */
export function imageOf(part: ImagePart): string {
  const found = IMAGES.find((name) => name.startsWith(`carna/${part}:`));
  if (DOCKER_SOCKET === '' || found === undefined) {
    throw new Error('CARNA_TEST_DOCKER_SOCKET and CARNA_TEST_IMAGES are unset: make test-images');
  }
  return found;
}

/** Runs the docker command on the engine under test; any exit code is an answer. */
export function dockerOutcome(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile(
      'docker',
      ['--host', `unix://${DOCKER_SOCKET}`, ...args],
      { timeout: COMMAND_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES, killSignal: 'SIGKILL' },
      (err, stdout, stderr) => {
        const code = err === null ? 0 : err.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(new Error(`docker ${args.join(' ')}: ${stderr}`, { cause: err }));
      },
    );
  });
}

/** The same for what must succeed; gives its standard output without the last line break. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await dockerOutcome(args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit code ${code}: ${stderr}`);
  return stdout.trimEnd();
}

/** `docker inspect` of one thing, one value of it as JSON. */
export async function inspect(name: string, value: string): Promise<unknown> {
  return JSON.parse(await docker('inspect', '--format', `{{json ${value}}}`, name));
}

/**
 * Starts a container in the background; gives its name. It is removed with its volumes after the test, and
 * its processes carry the mark of the run: what the test forgets, the run finds.
 */
export async function startContainer(
  t: TestContext,
  options: readonly string[],
  image: string,
  ...command: readonly string[]
): Promise<string> {
  const name = `carna-test-${randomUUID().slice(0, 8)}`;
  t.after(() => dockerOutcome(['rm', '--force', '--volumes', name]));
  await docker('run', '--detach', '--name', name, ...MARK, ...options, image, ...command);
  return name;
}

/** Runs a container to its end; gives exit code and output. */
export function runContainer(
  options: readonly string[],
  image: string,
  ...command: readonly string[]
): Promise<Outcome> {
  return dockerOutcome(['run', '--rm', '--network=host', ...MARK, ...options, image, ...command]);
}

/** Options that mark a container as this run's: its processes are found by test/run.ts. */
export const MARK = ['--env', `${RUN_MARK}=${process.env[RUN_MARK] ?? ''}`];

/** Standard output of a container so far, as lines. */
export async function logLines(name: string): Promise<readonly string[]> {
  return (await dockerOutcome(['logs', name])).stdout.split('\n').filter((line) => line !== '');
}

/** Waits until `read` gives something other than null and gives that; throws after a minute, with `what`. */
export async function until<T>(what: string, read: () => Promise<T | null>): Promise<T> {
  const ends = performance.now() + WAIT_LIMIT_MS;
  for (;;) {
    const found = await read();
    if (found !== null) return found;
    if (performance.now() > ends) throw new Error(`not within ${WAIT_LIMIT_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Waits for the end of a container; gives its exit code. */
export function exitCodeOf(name: string): Promise<number> {
  return until(`the end of ${name}`, async () => {
    const state = (await inspect(name, '.State')) as { Status: string; ExitCode: number };
    return state.Status === 'exited' ? state.ExitCode : null;
  });
}
