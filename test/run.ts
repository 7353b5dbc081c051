import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killMarked, RUN_MARK } from './support/reaper.js';

/**
 * Runs the compiled tests with node's own runner and leaves nothing behind, whatever happens: every
 * process of the run carries a mark in its environment, every file lies below one folder. What is
 * still alive at the end is killed, named, and fails the run.
 *
 * `node dist/test/run.js [unit | integration | e2e | images | FILE...]`; no argument = everything but the
 * container images, whose tests need a Docker engine (`make test-images`).
 */
const HERE = 'dist/test';
const FOLDERS = ['integration', 'e2e', 'images'];
const BY_DEFAULT = ['unit', 'integration', 'e2e'];

/** What was compiled from a source that is gone must not run. */
const sourceOf = (file: string): string => join('test', file.replace(/\.js$/, '.ts'));

function testFiles(wanted: readonly string[]): string[] {
  const named = wanted.filter((name) => name.endsWith('.js'));
  if (named.length > 0) return named;
  const all = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js') && existsSync(sourceOf(file)))
    .sort();
  const group = (file: string): string => FOLDERS.find((s) => file.startsWith(`${s}/`)) ?? 'unit';
  const groups = wanted.length === 0 ? BY_DEFAULT : wanted;
  return all.filter((file) => groups.includes(group(file))).map((file) => join(HERE, file));
}

/** What runs at once. Whole platforms under calls need the machine for themselves: their rhythm is what is tested. */
interface Phase {
  readonly files: readonly string[];
  readonly concurrency: number;
}

function phasesOf(files: readonly string[]): readonly Phase[] {
  const isPlatform = (file: string): boolean =>
    file.startsWith(join(HERE, 'e2e/')) || file.startsWith(join(HERE, 'images/'));
  const phases = [
    { files: files.filter((file) => !isPlatform(file)), concurrency: 2 },
    { files: files.filter(isPlatform), concurrency: 1 },
  ];
  return phases.filter((phase) => phase.files.length > 0);
}

/** Node's own exit code, and the failed tests once more in `failuresFile`. */
async function runPhase(
  { files, concurrency }: Phase,
  env: NodeJS.ProcessEnv,
  failuresFile: string,
  onChild: (child: ChildProcess) => void,
): Promise<number> {
  const reporters = [
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=./${join(HERE, 'support/failures-reporter.js')}`,
    `--test-reporter-destination=${failuresFile}`,
  ];
  const limits = [`--test-concurrency=${concurrency}`, '--test-timeout=600000'];
  const child = spawn(process.execPath, ['--test', ...limits, ...reporters, ...files], {
    ...{ stdio: 'inherit', env, detached: true },
  });
  onChild(child);
  return new Promise<number>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}

async function main(): Promise<number> {
  const files = testFiles(process.argv.slice(2));
  if (files.length === 0) {
    process.stderr.write('no test file matches; run `make build` first\n');
    return 2;
  }
  const mark = randomUUID();
  const dir = mkdtempSync(join(tmpdir(), 'carna-test-'));
  const env = { ...process.env, [RUN_MARK]: mark, CARNA_TEST_DIR: dir };
  let interrupted = false;
  let child: ChildProcess | null = null;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted = true;
      child?.kill('SIGKILL');
    });
  }
  let code = 0;
  let failures = '';
  for (const [at, phase] of phasesOf(files).entries()) {
    if (interrupted) break;
    const failuresFile = join(dir, `failures-${at}.txt`);
    const phaseCode = await runPhase(phase, env, failuresFile, (started) => (child = started));
    code = Math.max(code, phaseCode);
    if (existsSync(failuresFile)) failures += readFileSync(failuresFile, 'utf8');
  }
  const leaked = killMarked(mark);
  rmSync(dir, { recursive: true, force: true });
  if (interrupted) return 130;
  if (failures !== '') process.stderr.write(`\nWhat failed:\n${failures}`);
  for (const left of leaked)
    process.stderr.write(`left running by a test: ${left.pid} ${left.command}\n`);
  return leaked.length > 0 && code === 0 ? 1 : code;
}

process.exitCode = await main();
