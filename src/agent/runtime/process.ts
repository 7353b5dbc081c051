import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { Logger } from 'pino';
import { messageOf, MissingPartError, ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import type { ProcessIdentity } from './process-group.js';
import { isLiving, readProcess, signalGroup } from './process-group.js';
import { superviseProcess } from './process-life.js';
import { markedEnv } from './process-mark.js';
import { findOrphan } from './process-orphan.js';
import { followOutput, logLastWords, openOutput } from './process-output.js';
import { watchedExit } from './process-watch.js';
import type { RunningServer, ServerExit, ServerRuntime } from './runtime.js';
import type { StartEnv } from './server-env.js';
import { describeExit } from './runtime.js';
import type { KeptServer, ServerFile } from './server-file.js';
import { readServerFile, writeServerFile } from './server-file.js';

export interface ProcessRuntimeOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the server; the mark of its life is added. */
  readonly env: NodeJS.ProcessEnv;
  /** What is added at each start. */
  readonly startEnv?: StartEnv;
  readonly cwd: string;
  /** Folder of our own, for `server.json`, `server.log` and `server.log.offset`. */
  readonly stateDir: string;
}

interface Deps {
  readonly options: ProcessRuntimeOptions;
  readonly log: Logger;
  readonly time: Timekeeper;
}

/**
 * Runs the SIP server as a process in a session and group of its own, which outlives the agent: nothing
 * ties it to us but its parent's pid. The end of the main process is noticed by the 'exit' event, or by
 * asking for it when an earlier agent started it; then the whole group is killed before anything may start
 * again, since the workers of a Kamailio go on serving without their main process, with its ports open.
 */
export function processRuntime(
  options: ProcessRuntimeOptions,
  log: Logger,
  time: Timekeeper,
): ServerRuntime {
  const deps: Deps = { options, log, time };
  return {
    isObserver: false,
    adopt: () => adoptServer(deps),
    start: (instanceId) => startServer(deps, instanceId),
  };
}

async function adoptServer(deps: Deps): Promise<RunningServer | null> {
  const { options, log, time } = deps;
  const file = readServerFile(options.stateDir);
  refuseIfHeld(file);
  const kept = file?.server ?? null;
  const found = kept === null ? null : await findOrphan(kept, log, time);
  if (kept === null || found === null) {
    await logLastWords(options.stateDir, log, time);
    claimFolder(deps);
    return null;
  }
  try {
    keep(deps, { ...kept, process: found });
  } catch (err) {
    log.warn({ err }, 'the server is taken over, but that cannot be written down');
  }
  const isOther = kept.commandHash !== hashOf(options);
  return superviseProcess(
    {
      pid: found.pid,
      instanceId: kept.instanceId,
      isAdopted: true,
      note: isOther ? 'it runs another command until its next start' : null,
      exited: watchedExit(found, time),
      output: followOutput(options.stateDir, 'kept', log, time),
      forget: () => forget(deps),
    },
    log,
    time,
  );
}

async function startServer(deps: Deps, instanceId: string): Promise<RunningServer> {
  const { log, time } = deps;
  const added = (await deps.options.startEnv?.()) ?? {};
  const options = { ...deps.options, env: { ...deps.options.env, ...added } };
  const commandHash = hashOf(options);
  const intended = { instanceId, commandHash, startedAt: time.wallMs(), process: null };
  keep(deps, intended); // Should we die before the pid is written, the mark tells whose server it is.
  const { child, pid } = await spawnServer(options, instanceId).catch((err: unknown) => {
    forget(deps);
    throw err;
  });
  const exited = exitOf(child, time);
  child.on('error', (err) => log.warn({ err }, 'signal to the server failed'));
  const startTicks = readProcess(pid)?.startTicks;
  // Without ticks it ended already; the exit event follows.
  if (startTicks !== undefined) keepOrKill(deps, { ...intended, process: { pid, startTicks } });
  const output = followOutput(options.stateDir, 'start', log, time);
  const life = { pid, instanceId, isAdopted: false, note: null, exited, output };
  return superviseProcess({ ...life, forget: () => forget(deps) }, log, time);
}

/** Resolves with the pid once the program was executed. Throws ServerStartError. */
async function spawnServer(
  options: ProcessRuntimeOptions,
  instanceId: string,
): Promise<{ readonly child: ChildProcess; readonly pid: number }> {
  const output = attempt(`cannot write to ${options.stateDir}`, () => openOutput(options.stateDir));
  const failed = `cannot execute ${options.command}`;
  try {
    const child = attempt(failed, () =>
      spawn(options.command, [...options.args], {
        cwd: options.cwd,
        env: markedEnv(options.env, instanceId),
        detached: true,
        stdio: ['ignore', output, output],
      }),
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (err) => reject(startError(failed, err)));
    });
    if (child.pid === undefined) throw new ServerStartError(`${failed}: it has no pid`);
    return { child, pid: child.pid };
  } finally {
    closeSync(output);
  }
}

function exitOf(child: ChildProcess, time: Timekeeper): Promise<ServerExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) =>
      resolve({ cause: describeExit(code, signal), code, signal, noticedAtMs: time.wallMs() }),
    );
  });
}

/** Throws ServerStartError when an agent lives that holds the state folder. */
function refuseIfHeld(file: ServerFile | null): void {
  if (file === null || file.agent.pid === process.pid || !isLiving(file.agent)) return;
  throw new ServerStartError(
    `another agent (pid ${file.agent.pid}) supervises this server; ` +
      'stop it, or give this one a CARNA_STATE_DIR of its own',
  );
}

/** Writes down that this agent holds the folder, and which server it runs. Throws ServerStartError. */
function keep({ options }: Deps, server: KeptServer | null): void {
  const agent: ProcessIdentity = {
    pid: process.pid,
    startTicks: readProcess(process.pid)?.startTicks ?? 0,
  };
  attempt(`cannot write to ${options.stateDir}`, () =>
    writeServerFile(options.stateDir, { agent, server }),
  );
}

function keepOrKill(deps: Deps, server: KeptServer & { readonly process: ProcessIdentity }): void {
  try {
    keep(deps, server);
  } catch (err) {
    signalGroup(server.process.pid, 'SIGKILL');
    throw err;
  }
}

/** Nothing runs here yet: a folder that cannot be written will not become better by waiting. */
function claimFolder(deps: Deps): void {
  try {
    keep(deps, null);
  } catch (err) {
    throw new MissingPartError(
      messageOf(err),
      'set CARNA_STATE_DIR to a folder that the agent may write',
    );
  }
}

/** Writes down that no server is left. Never throws: the next start fails on the same folder and tells. */
function forget(deps: Deps): void {
  try {
    keep(deps, null);
  } catch (err) {
    deps.log.warn({ err }, 'the end of the server cannot be written down');
  }
}

function attempt<T>(failed: string, work: () => T): T {
  try {
    return work();
  } catch (err) {
    throw startError(failed, err);
  }
}

function startError(failed: string, err: unknown): ServerStartError {
  return new ServerStartError(`${failed}: ${messageOf(err)}`, { cause: err });
}

/** Another command or other arguments give another hash; the environment does not count. */
function hashOf({ command, args }: ProcessRuntimeOptions): string {
  return createHash('sha256')
    .update(JSON.stringify([command, ...args]))
    .digest('hex');
}
