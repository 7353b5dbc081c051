/** A Mesos agent's offer: what a task may use of one host. */
export interface MesosHost {
  /** What the task sees as HOST. */
  readonly hostname: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Inclusive ranges; a port is a number without a protocol. */
  readonly ports: readonly (readonly [number, number])[];
  readonly cpus: number;
  /** In MiB. */
  readonly mem: number;
}

/** All that a driver needs to start one task. */
export interface TaskSpec {
  readonly taskId: string;
  readonly appId: string;
  readonly hostname: string;
  /** Complete, in Marathon's precedence. */
  readonly env: Readonly<Record<string, string>>;
  readonly image: string | null;
  /** The app's args, or `['/bin/sh', '-c', cmd]`; null: what the image starts by itself. */
  readonly command: readonly string[] | null;
  /** Docker parameters, in the order of the definition. */
  readonly parameters: readonly { readonly key: string; readonly value: string }[];
  readonly volumes: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly mode: 'RO' | 'RW';
  }[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cpus: number;
  readonly mem: number;
}

/** How a task ended; both null when nobody knows. */
export interface TaskEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A task that a driver started. */
export interface RunningTask {
  /** PID 1 is gone. Never rejects. */
  readonly ended: Promise<TaskEnd>;
  /**
   * `docker stop -t`: SIGTERM to PID 1 alone, SIGKILL when the FIRST deadline passes; may be called
   * again: SIGTERM once more. Resolves when the task has ended.
   */
  stop(graceMs: number): Promise<void>;
  /** SIGKILL at once. Resolves when the task has ended. */
  kill(): Promise<void>;
  /** GET http://127.0.0.1:port/path inside the task's network; the status, or null. Never rejects. */
  httpStatus(port: number, path: string, timeoutMs: number): Promise<number | null>;
}

/** Starts tasks: containers, processes, or objects in memory. */
export interface TaskDriver {
  /** Rejects when the task cannot be started: Marathon sees TASK_FAILED. */
  launch(spec: TaskSpec): Promise<RunningTask>;
  /** Ends all that was launched and waits for it. */
  close(): Promise<void>;
}
