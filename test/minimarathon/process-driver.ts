import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { RUN_MARK } from '../support/reaper.js';
import type { RunningTask, TaskDriver, TaskEnd, TaskSpec } from './driver.js';
import { httpStatus } from './http-status.js';

/** Lines of output that are kept of each task. */
const MAX_OUTPUT_LINES = 500;

/**
 * Tasks as child processes of their own group on this machine: the image is ignored, a command is
 * required, ports are this machine's. A task sees its own environment and PATH, nothing else.
 */
export class ProcessDriver implements TaskDriver {
  readonly #tasks = new Set<ProcessTask>();
  readonly #output = new Map<string, string[]>();
  readonly #starting = new Set<Promise<unknown>>();
  #isClosed = false;

  async launch(spec: TaskSpec): Promise<RunningTask> {
    const [file, ...args] = spec.command ?? [];
    if (this.#isClosed) throw new Error('the driver is closed');
    if (file === undefined) throw new Error(`${spec.appId}: a process needs a command`);
    const mark = process.env[RUN_MARK];
    const env = {
      PATH: process.env.PATH,
      ...spec.env,
      // So that the test runner finds what a test leaves behind.
      ...(mark === undefined ? {} : { [RUN_MARK]: mark }),
    };
    const child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#keepOutput(spec.taskId, child);
    const task = this.#begin(child);
    this.#starting.add(task);
    try {
      return await task;
    } finally {
      this.#starting.delete(task);
    }
  }

  /** What the task wrote last, for the message of a test that fails. */
  outputOf(taskId: string): readonly string[] {
    return this.#output.get(taskId) ?? [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#tasks].map((task) => task.kill()));
  }

  async #begin(child: ChildProcess): Promise<ProcessTask> {
    await once(child, 'spawn');
    const task = new ProcessTask(child);
    this.#tasks.add(task);
    void task.ended.then(() => this.#tasks.delete(task));
    return task;
  }

  #keepOutput(taskId: string, child: ChildProcess): void {
    const lines: string[] = [];
    this.#output.set(taskId, lines);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        lines.push(...text.split('\n').filter((line) => line !== ''));
        lines.splice(0, lines.length - MAX_OUTPUT_LINES);
      });
    }
  }
}

class ProcessTask implements RunningTask {
  readonly ended: Promise<TaskEnd>;
  readonly #child: ChildProcess;
  #deadline: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', (exitCode, signal) => {
        clearTimeout(this.#deadline);
        // As in a container: nothing outlives its first process.
        this.#signalGroup();
        resolve({ exitCode, signal });
      });
    });
  }

  async stop(graceMs: number): Promise<void> {
    this.#child.kill('SIGTERM');
    // The first deadline holds, however often it is asked.
    this.#deadline ??= setTimeout(() => this.#signalGroup(), graceMs);
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#signalGroup();
    await this.ended;
  }

  async httpStatus(port: number, path: string, timeoutMs: number): Promise<number | null> {
    return httpStatus('127.0.0.1', port, path, timeoutMs);
  }

  #signalGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
    }
  }
}
