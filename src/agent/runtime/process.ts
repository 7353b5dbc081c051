import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Logger } from 'pino';
import { messageOf, ServerStartError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import type { Timekeeper } from '../ports.js';
import { lineSplitter } from './line-splitter.js';
import { livingMembers, readProcess, signalGroup, trySignal } from './process-group.js';
import type { RunningServer, ServerExit, ServerRuntime, StopSteps } from './runtime.js';
import { describeExit } from './runtime.js';
import { readBootId, readServerFile, removeServerFile, writeServerFile } from './server-file.js';

export interface ProcessRuntimeOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the server. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Folder of our own, for `server.json`. */
  readonly stateDir: string;
}

/** A SIGTERM can be lost when it coincides with another signal, so it is sent again. */
const TERM_AGAIN_MS = 1_000;
/** How long the kernel may need to end a killed group. */
const CLEAR_LIMIT_MS = 10_000;
const CLEAR_POLL_MS = 5;

/**
 * Runs the SIP server as a child in a session and process group of its own. The end of the main process
 * is noticed by the 'exit' event; then the whole group is killed before anything may start again, since
 * the workers of a Kamailio go on serving without their main process, with its ports open.
 *
 * An agent that finds the group of a dead agent ends it first; taking it over with its calls up is to come.
 */
export function processRuntime(
  options: ProcessRuntimeOptions,
  log: Logger,
  time: Timekeeper,
): ServerRuntime {
  return {
    isObserver: false,
    adopt: async () => {
      await endOrphan(options.stateDir, log, time);
      return null;
    },
    start: (instanceId) => startServer(options, instanceId, log, time),
  };
}

async function startServer(
  options: ProcessRuntimeOptions,
  instanceId: string,
  log: Logger,
  time: Timekeeper,
): Promise<RunningServer> {
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (err) =>
      reject(
        new ServerStartError(`cannot execute ${options.command}: ${err.message}`, { cause: err }),
      ),
    );
  });
  const pid = child.pid;
  if (pid === undefined) throw new ServerStartError(`${options.command} started without a pid`);
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve({
        cause: describeExit(code, signal),
        code,
        signal,
        noticedAtMs: time.wallMs(),
      }),
    );
  });
  child.on('error', (err) => log.warn({ err }, 'signal to the server failed'));
  logOutput(child, log);
  rememberServer(options.stateDir, pid, time);
  return superviseChild({ pid, instanceId }, exited, options.stateDir, log, time);
}

function superviseChild(
  { pid, instanceId }: { readonly pid: number; readonly instanceId: string },
  exited: Promise<ServerExit>,
  stateDir: string,
  log: Logger,
  time: Timekeeper,
): RunningServer {
  const cleared = exited.then(async () => {
    await clearGroup(pid, log, time);
    removeServerFile(stateDir);
  });
  cleared.catch(() => undefined); // Whoever waits for it gets the error.
  let stopping: Promise<ServerExit> | null = null;
  const stop = (steps: StopSteps): Promise<ServerExit> => {
    stopping ??= stopInSteps(pid, exited, cleared, steps, log, time);
    return stopping;
  };
  const name = `process ${pid}`;
  return { name, pid, instanceId, isAdopted: false, note: null, exited, cleared, stop };
}

async function stopInSteps(
  pid: number,
  exited: Promise<ServerExit>,
  cleared: Promise<void>,
  steps: StopSteps,
  log: Logger,
  time: Timekeeper,
): Promise<ServerExit> {
  const over = new AbortController();
  void exited.then(() => over.abort());
  if (steps.gracefulMs > 0) {
    const endMs = time.monoMs() + steps.gracefulMs;
    try {
      await withDeadline('the server asked to end', steps.gracefulMs, steps.graceful());
      await time.wait(Math.max(0, endMs - time.monoMs()), over.signal);
    } catch (err) {
      log.warn({ err }, 'the server did not take its own way to end');
    }
  }
  const killMs = time.monoMs() + steps.termMs;
  while (!over.signal.aborted && time.monoMs() < killMs) {
    trySignal(pid, 'SIGTERM');
    await time.wait(Math.min(TERM_AGAIN_MS, Math.max(1, killMs - time.monoMs())), over.signal);
  }
  if (!over.signal.aborted) {
    log.warn({ pid, termMs: steps.termMs }, 'the server did not end on SIGTERM, killing its group');
    signalGroup(pid, 'SIGKILL');
  }
  const exit = await exited;
  await cleared;
  return exit;
}

/** Kills what is left of the group until nothing lives. Throws ServerStartError after CLEAR_LIMIT_MS. */
async function clearGroup(leader: number, log: Logger, time: Timekeeper): Promise<void> {
  const isAnyLeft = signalGroup(leader, 'SIGKILL');
  const endMs = time.monoMs() + CLEAR_LIMIT_MS;
  let left = livingMembers(leader);
  if (isAnyLeft && left.length > 0) {
    log.info({ leader, members: left.length }, 'killed the workers that the server left behind');
  }
  while (left.length > 0) {
    for (const member of left) trySignal(member.pid, 'SIGKILL');
    if (time.monoMs() > endMs) {
      const pids = left.map((member) => member.pid).join(', ');
      throw new ServerStartError(`processes ${pids} of the last server cannot be killed`);
    }
    await time.wait(CLEAR_POLL_MS);
    left = livingMembers(leader);
  }
}

async function endOrphan(stateDir: string, log: Logger, time: Timekeeper): Promise<boolean> {
  const file = readServerFile(stateDir);
  if (file === null) return false;
  const leader = readProcess(file.pid);
  // Another process under the pid: ours, group and all, is gone, or the kernel had not given the pid again.
  const isOurs = leader === null || leader.startTicks === file.startTicks;
  const members = isOurs ? livingMembers(file.pid) : [];
  if (members.length > 0) {
    log.warn({ pid: file.pid, members: members.length }, 'ending the server of a dead agent');
    await clearGroup(file.pid, log, time);
  }
  removeServerFile(stateDir);
  return members.length > 0;
}

function rememberServer(stateDir: string, pid: number, time: Timekeeper): void {
  const startTicks = readProcess(pid)?.startTicks;
  if (startTicks === undefined) return; // Ended already; the exit event follows.
  try {
    writeServerFile(stateDir, { pid, startTicks, startedAt: time.wallMs(), bootId: readBootId() });
  } catch (err) {
    signalGroup(pid, 'SIGKILL');
    throw new ServerStartError(`cannot write to ${stateDir}: ${messageOf(err)}`, { cause: err });
  }
}

function logOutput(child: ChildProcess, log: Logger): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = child[name];
    if (stream === null) continue;
    const lines = lineSplitter((line) => log.info({ stream: name, line }, 'server output'));
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => lines.push(text));
    stream.on('end', () => lines.end());
    stream.on('error', (err) => log.warn({ err, stream: name }, 'server output broke'));
  }
}
