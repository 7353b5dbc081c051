import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import type { LabStatus } from '../../src/lab/status.js';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const SCRIPT = resolve('dist/src/bin/carna.js');
const LIMIT_MS = 180_000;

/** The executable, as an operator uses it, bound to one lab. */
export class Carna {
  readonly #env: NodeJS.ProcessEnv;

  constructor(runDir: string) {
    this.#env = { ...process.env, CARNA_LAB_DIR: runDir, CARNA_LAB: runDir, NO_COLOR: '1' };
  }

  /** Runs one command to its end, whatever its exit code. */
  async try(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return runProgram(process.execPath, [SCRIPT, ...args], { ...this.#env, ...env });
  }

  /** Runs one command that must exit with 0; gives its standard output. */
  async run(...args: readonly string[]): Promise<string> {
    const ended = await this.try(args);
    assert.equal(ended.code, 0, `carna ${args.join(' ')}:\n${ended.stdout}\n${ended.stderr}`);
    return ended.stdout;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(...args, '--json')) as T;
  }

  async status(): Promise<LabStatus> {
    return this.json<LabStatus>('lab', 'status');
  }
}

/** Runs any program to its end; a program that cannot be started fails the test. */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  return new Promise((done, fail) => {
    execFile(
      command,
      [...args],
      { env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 },
      (err, stdout, stderr) => {
        if (err === null) done({ code: 0, stdout, stderr });
        else if (typeof err.code === 'number') done({ code: err.code, stdout, stderr });
        else fail(new Error(`${command} did not end by itself`, { cause: err }));
      },
    );
  });
}
