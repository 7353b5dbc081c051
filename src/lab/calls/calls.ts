import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { LabError, MissingPartError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import { logTail } from '../parts/daemon.js';
import type { Calls } from './call-log.js';
import { readAborts, readCallLog } from './call-log.js';
import { openLineTail } from './line-tail.js';
import type { CallProgress, CallReport } from './report.js';
import { progressOf, reportCalls } from './report.js';
import { callScenario } from './scenario.js';

export interface CallOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Address from which the caller calls. */
  readonly localHost: string;
  /** New calls a second. */
  readonly rate: number;
  /** How many calls, or for how long new ones are made; at most MAX_CALLS in all. */
  readonly amount: { readonly calls: number } | { readonly seconds: number };
  /** How long a call lasts once it is answered. */
  readonly callMs: number | { readonly min: number; readonly max: number };
  /** Folder for the scenario and the logs, of this run alone; made when it is missing. */
  readonly runDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Aborting it ends the run in order: no new call, the present ones go on to their end. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CallProgress) => void;
  readonly answerTimeoutMs?: number;
  readonly byeTimeoutMs?: number;
}

/** Calls under way. */
export interface CallRun {
  /** Of the calling process; null when it could not be started. */
  readonly pid: number | null;
  /** Rejects with LabError when the caller itself failed; failed calls are a result, not an error. */
  readonly result: Promise<CallReport>;
  /** No new call from now on; the present ones go on to their end. May be repeated. */
  stop(): void;
}

/** One run's calls are kept in memory until it ends. */
export const MAX_CALLS = 200_000;
const DEFAULT_ANSWER_TIMEOUT_MS = 15_000;
/** Longer than the load-balancer waits for an in-dialog answer. */
const DEFAULT_BYE_TIMEOUT_MS = 8_000;
const PROGRESS_EVERY_MS = 200;
/** Room for a slow machine beyond the longest call that the scenario allows. */
const DEADLINE_MARGIN_MS = 10_000;
/** sipp: 0 all calls well, 1 some failed, 97 told to quit, 99 quit before the first call, the signal before it listened to it. */
const ORDERLY_EXITS = [0, 1, 97, 99, 'SIGUSR1'];

/** sipp: `CARNA_SIPP`, else from PATH. Throws MissingPartError. */
export function sippBinary(env: NodeJS.ProcessEnv): string {
  const named = env['CARNA_SIPP'];
  const candidates =
    named !== undefined && named !== ''
      ? [named]
      : (env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'sipp'));
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined) {
    throw new MissingPartError(
      `sipp is missing (${named ?? 'not on PATH'})`,
      'apt-get install sip-tester, or set CARNA_SIPP to the program',
    );
  }
  return found;
}

/**
 * Puts real SIP calls on a target by means of sipp and tells what became of each.
 *
 * The run is bounded: by the number of calls, and by a deadline after which sipp is killed and its
 * remaining calls count as unfinished. sipp dies with this process, however that ends.
 * Throws MissingPartError without sipp, and RangeError for an amount that is not in 1..MAX_CALLS.
 */
export function startCalls(options: CallOptions): CallRun {
  const plan = planRun(options);
  const files = prepareFiles(options.runDir, plan.scenario);
  const stderr = openSync(files.stderr, 'w');
  // The kernel kills sipp when we die, even by SIGKILL.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...sippCommand(options, plan, files)], {
    cwd: options.runDir,
    env: options.env,
    stdio: ['ignore', 'ignore', stderr],
  });
  closeSync(stderr);
  let isStopped = false;
  const stop = (): void => {
    if (isStopped) return; // Asked twice, sipp drops its calls instead of ending them.
    isStopped = true;
    child.kill('SIGUSR1'); // sipp's word for "quit when the present calls have ended".
  };
  return { pid: child.pid ?? null, stop, result: follow(options, plan, files, child, stop) };
}

interface Plan {
  readonly calls: number;
  readonly scenario: string;
  /** From the end of new calls to the end of the longest possible call. */
  readonly tailMs: number;
  readonly deadlineMs: number;
}

interface Files {
  readonly scenario: string;
  readonly log: string;
  readonly errors: string;
  readonly stderr: string;
}

function planRun(options: CallOptions): Plan {
  const { amount, rate, callMs } = options;
  const calls = 'calls' in amount ? amount.calls : Math.round(amount.seconds * rate);
  if (!(rate > 0) || !(calls >= 1 && calls <= MAX_CALLS)) {
    throw new RangeError(`cannot make ${calls} calls at ${rate} a second (1..${MAX_CALLS})`);
  }
  const timing = {
    talkMs: typeof callMs === 'number' ? { min: callMs, max: callMs } : callMs,
    answerTimeoutMs: options.answerTimeoutMs ?? DEFAULT_ANSWER_TIMEOUT_MS,
    byeTimeoutMs: options.byeTimeoutMs ?? DEFAULT_BYE_TIMEOUT_MS,
  };
  const longestMs = timing.talkMs.max + timing.answerTimeoutMs + 2 * timing.byeTimeoutMs;
  const tailMs = longestMs + DEADLINE_MARGIN_MS;
  const deadlineMs = (calls / rate) * 1_000 + tailMs;
  return { calls, scenario: callScenario(timing), tailMs, deadlineMs };
}

function prepareFiles(runDir: string, scenario: string): Files {
  mkdirSync(runDir, { recursive: true });
  const files = {
    scenario: join(runDir, 'caller.xml'),
    log: join(runDir, 'calls.log'),
    errors: join(runDir, 'errors.log'),
    stderr: join(runDir, 'sipp.stderr'),
  };
  rmSync(files.log, { force: true });
  rmSync(files.errors, { force: true });
  writeFileSync(files.scenario, scenario);
  return files;
}

function sippCommand(options: CallOptions, plan: Plan, files: Files): string[] {
  const { target } = options;
  return [
    sippBinary(options.env),
    `${target.host}:${target.port}`,
    ...['-sf', files.scenario],
    ...['-i', options.localHost],
    ...['-r', String(options.rate)],
    ...['-m', String(plan.calls)],
    // sipp would otherwise hold new calls back when many are up, and the rate would be a lie.
    ...['-l', String(plan.calls)],
    ...['-timeout', `${Math.ceil(plan.deadlineMs / 1_000)}s`],
    '-nostdin',
    ...['-trace_logs', '-log_file', files.log],
    ...['-trace_err', '-error_file', files.errors],
  ];
}

/** Reads the log while sipp runs, enforces the end, and sums up. */
async function follow(
  options: CallOptions,
  plan: Plan,
  files: Files,
  child: ChildProcess,
  stop: () => void,
): Promise<CallReport> {
  const ended = new AbortController();
  const exit = new Promise<number | string>((resolve, reject) => {
    child.once('error', (err) => reject(new LabError('cannot start sipp', { cause: err })));
    child.once('exit', (code, by) => resolve(by ?? code ?? 'no code'));
  }).finally(() => ended.abort());
  exit.catch(() => undefined); // Awaited below; the reading in between must not find it unhandled.
  let isOverdue = false;
  const endAfter = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      isOverdue = true;
      child.kill('SIGKILL');
    }, ms);
  let kill = endAfter(plan.deadlineMs);
  const stopInOrder = (): void => {
    stop();
    clearTimeout(kill);
    kill = endAfter(plan.tailMs);
  };
  options.signal?.addEventListener('abort', stopInOrder);
  if (options.signal?.aborted) stopInOrder();
  try {
    const calls = await readWhileRunning(files.log, ended.signal, options.onProgress);
    const code = await exit;
    if (!isOverdue && !ORDERLY_EXITS.includes(code)) {
      throw new LabError(
        `sipp ended with ${code}; end of ${files.stderr}:\n${logTail(files.stderr)}`,
      );
    }
    return reportCalls(readAborts(calls, textOf(files.errors)));
  } finally {
    clearTimeout(kill);
    options.signal?.removeEventListener('abort', stopInOrder);
  }
}

async function readWhileRunning(
  logFile: string,
  ended: AbortSignal,
  onProgress: CallOptions['onProgress'],
): Promise<Calls> {
  const tail = openLineTail(logFile);
  let calls: Calls = new Map();
  for (;;) {
    const isLast = ended.aborted; // Asked before reading: what sipp wrote until its end is then read.
    calls = readCallLog(calls, tail.newLines());
    onProgress?.(progressOf(calls));
    if (isLast) break;
    await wait(PROGRESS_EVERY_MS, ended);
  }
  tail.close();
  return calls;
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'latin1') : '';
}
