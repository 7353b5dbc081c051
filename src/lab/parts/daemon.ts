import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';

/** A process told apart from a later one with the same pid by the kernel's start time (/proc/PID/stat field 22). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export interface DaemonOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Gets stdout and stderr, appended. */
  readonly logFile: string;
}

/** Who runs under `pid` now, or null when nobody does (a zombie counts as nobody). */
export function identityOf(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    return { pid, startTicks: Number(fields[19]) };
  } catch {
    return null;
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identityOf(process.pid)?.startTicks === process.startTicks;
}

/**
 * Starts a process in a session of its own that outlives us; its output goes to `logFile`.
 *
 * Throws LabError when the program cannot be executed. Does not wait until it is ready.
 */
export async function startDaemon(options: DaemonOptions): Promise<ProcessIdentity> {
  const log = openSync(options.logFile, 'a');
  try {
    const child = spawn(options.command, [...options.args], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (err) =>
        reject(new LabError(`${options.name}: cannot start ${options.command}`, { cause: err })),
      );
    });
    child.unref();
    const identity = child.pid === undefined ? null : identityOf(child.pid);
    if (identity === null)
      throw new LabError(`${options.name} ended at once; see ${options.logFile}`);
    return identity;
  } finally {
    closeSync(log);
  }
}

/** Signals one process, or with `group` its whole process group. False when it is gone. */
export function signalDaemon(
  process_: ProcessIdentity,
  signal: NodeJS.Signals,
  group = false,
): boolean {
  if (!isAlive(process_)) return false;
  try {
    process.kill(group ? -process_.pid : process_.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Sends `signal`, waits up to `graceMs` for the end, then SIGKILL to the whole group. Resolves when it is gone. */
export async function stopDaemon(
  process_: ProcessIdentity,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  signalDaemon(process_, signal);
  const endMs = performance.now() + graceMs;
  while (isAlive(process_) && performance.now() < endMs) await wait(10);
  signalDaemon(process_, 'SIGKILL', true);
  while (isAlive(process_)) await wait(5);
}

/** The last lines of a log file, for error messages; empty when there is none. */
export function logTail(logFile: string, lines = 8): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
