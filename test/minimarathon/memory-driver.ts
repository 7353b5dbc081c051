import type { RunningTask, TaskDriver, TaskEnd, TaskSpec } from './driver.js';

/** A task that is nothing but this object. */
export class MemoryTask implements RunningTask {
  readonly spec: TaskSpec;
  readonly ended: Promise<TaskEnd>;
  /** Grace periods (ms) of all stops so far. */
  readonly stops: number[] = [];
  /** What a health check is answered; null: nothing. */
  health: number | null = 200;
  /** Whether SIGTERM ends it; if not, only `finish` and `kill` do. */
  isObedient = true;
  isEnded = false;
  #end: (end: TaskEnd) => void = () => undefined;

  constructor(spec: TaskSpec) {
    this.spec = spec;
    this.ended = new Promise((resolve) => {
      this.#end = (end) => {
        this.isEnded = true;
        resolve(end);
      };
    });
  }

  async stop(graceMs: number): Promise<void> {
    this.stops.push(graceMs);
    if (this.isObedient) this.finish(0);
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#end({ exitCode: null, signal: 'SIGKILL' });
  }

  async httpStatus(): Promise<number | null> {
    return this.health;
  }

  /** It ends by itself. */
  finish(exitCode: number): void {
    this.#end({ exitCode, signal: null });
  }
}

/** Tasks as objects: for tests of the server itself, and of what talks to its API alone. */
export class MemoryDriver implements TaskDriver {
  /** All that were ever launched, oldest first. */
  readonly tasks: MemoryTask[] = [];
  /** Called with every task before it counts as running. */
  readonly onLaunch: ((task: MemoryTask) => unknown) | undefined;

  /** `onLaunch`: awaited; what it throws is why the launch fails. */
  constructor(onLaunch?: (task: MemoryTask) => unknown) {
    this.onLaunch = onLaunch;
  }

  async launch(spec: TaskSpec): Promise<RunningTask> {
    const task = new MemoryTask(spec);
    this.tasks.push(task);
    await this.onLaunch?.(task);
    return task;
  }

  /** Throws when no such task was launched. */
  taskOf(taskId: string): MemoryTask {
    const found = this.tasks.find(({ spec }) => spec.taskId === taskId);
    if (found === undefined) throw new Error(`no task ${taskId}`);
    return found;
  }

  async close(): Promise<void> {
    await Promise.all(this.tasks.map((task) => task.kill()));
  }
}
