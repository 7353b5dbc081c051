import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUTANTS } from './list.js';
import type { Mutant } from './mutant.js';
import { firstFailure, mutate } from './mutant.js';

/**
 * Shows that the tests notice when a safeguard is gone: each mutant is a copy of the build with one of them
 * taken out, on which its tests must fail; on an unchanged copy the same tests must pass.
 *
 * `node dist/test/mutants/run.js [NAME...]`; exit code 1 when one survives. The copies stand below `dist`, so
 * that packages are found, and are removed whatever happens.
 */
const BUILD = 'dist';
const COPIED = ['src', 'test'];
const TEST_LIMIT_MS = 120_000;

interface Result {
  readonly mutant: Mutant;
  /** The test that noticed, with its file; null = it survived. */
  readonly killer: string | null;
  readonly seconds: number;
}

interface Run {
  readonly hasPassed: boolean;
  readonly output: string;
}

/** Runs one test file of a copy through the build's own runner, which ends whatever the test leaves. */
async function runTest(copy: string, file: string): Promise<Run> {
  const test = join(copy, 'test', file);
  const args = [join(BUILD, 'test/run.js'), test];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGTERM'), TEST_LIMIT_MS);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString('utf8')));
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (exitCode) => resolve(exitCode ?? 1));
  });
  clearTimeout(timer);
  return { hasPassed: code === 0, output };
}

/** A copy of the build for the time of `work`. */
async function onCopy<T>(work: (copy: string) => Promise<T>): Promise<T> {
  const copy = mkdtempSync(join(BUILD, 'mutant-'));
  try {
    for (const part of COPIED) cpSync(join(BUILD, part), join(copy, part), { recursive: true });
    return await work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function kill(mutant: Mutant): Promise<Result> {
  const startMs = performance.now();
  const killer = await onCopy(async (copy) => {
    for (const edit of [mutant, ...(mutant.also ?? [])]) {
      const path = join(copy, 'src', edit.file);
      writeFileSync(path, mutate(readFileSync(path, 'utf8'), edit));
    }
    for (const file of mutant.tests) {
      const { hasPassed, output } = await runTest(copy, file);
      if (!hasPassed)
        return `${file.replace(/\.js$/, '.ts')}: ${firstFailure(output) ?? 'it did not end well'}`;
    }
    return null;
  });
  return { mutant, killer, seconds: (performance.now() - startMs) / 1_000 };
}

/** The test files that fail although nothing was taken out: what they say of mutants counts for nothing. */
async function failingUnchanged(mutants: readonly Mutant[]): Promise<readonly string[]> {
  const files = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
  return onCopy(async (copy) => {
    const failing: string[] = [];
    for (const file of files) {
      if (!(await runTest(copy, file)).hasPassed) failing.push(file);
    }
    return failing;
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown.length > 0) {
    print(
      `no mutant is called ${unknown.join(', ')}; there are: ${MUTANTS.map((m) => m.name).join(' ')}`,
    );
    return 2;
  }
  const wanted = MUTANTS.filter((mutant) => names.length === 0 || names.includes(mutant.name));
  print(`${wanted.length} mutants; first their tests on the unchanged build`);
  const failing = await failingUnchanged(wanted);
  if (failing.length > 0) {
    print(`these tests fail without any mutant: ${failing.join(', ')}`);
    return 1;
  }
  let survivors = 0;
  for (const mutant of wanted) {
    const { killer, seconds } = await kill(mutant);
    if (killer === null) survivors++;
    const verdict = killer === null ? 'SURVIVED' : 'killed  ';
    print(`${verdict} ${mutant.name} (${mutant.off}), ${seconds.toFixed(1)} s`);
    if (killer !== null) print(`         by ${killer}`);
  }
  print(`mutants: ${wanted.length}, survived: ${survivors}`);
  return survivors === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
