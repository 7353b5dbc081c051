import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ProcessLike } from '../../src/cli/process-like.js';

/** Where a command writes and who sits there. */
export interface FakeTerminal {
  /** Absent: a pipe. */
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What somebody types. */
  readonly input?: string;
  /** Called after each output; `interrupt` is Ctrl-C. */
  readonly onOutput?: (text: string, interrupt: () => void) => void;
}

/** A process for one command line, and what became of it. */
export interface FakeProcess {
  readonly proc: ProcessLike;
  /** What was written so far. */
  readonly output: () => { readonly out: string; readonly err: string };
  /** Where the command's signal handlers hang. */
  readonly signals: EventEmitter;
  /** Ctrl-C. */
  readonly interrupt: () => void;
}

/** A process whose output is kept and whose signals a test sends. */
export function fakeProcess(terminal: FakeTerminal): FakeProcess {
  const signals = new EventEmitter();
  const interrupt = (): void => void signals.emit('SIGINT');
  const isTTY = terminal.columns !== undefined;
  const stdin = Object.assign(new PassThrough(), { isTTY });
  stdin.end(terminal.input ?? '');
  let out = '';
  let err = '';
  const env = { CARNA_ZOOKEEPER: 'zk:2181', CARNA_CLUSTER: 'prod', TZ: 'UTC', USER: 'bob' };
  const proc: ProcessLike = {
    env: { ...env, ...terminal.env },
    stdin,
    stdout: {
      write: (text: string) => {
        out += text;
        terminal.onOutput?.(text, interrupt);
      },
      isTTY,
      columns: terminal.columns,
      rows: 40,
    },
    stderr: { write: (text: string) => (err += text), isTTY },
    on: (event, listener) => signals.on(event, listener),
    off: (event, listener) => signals.off(event, listener),
  };
  return { proc, output: () => ({ out, err }), signals, interrupt };
}
