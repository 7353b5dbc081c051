import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import type { AccountConfig, CliConfig, EndpointSource } from '../config/cli.js';
import type { MarathonClient } from '../marathon/client/marathon-client.js';
import type { Clock } from '../util/clock.js';
import { systemClock } from '../util/clock.js';
import { wait } from '../util/wait.js';
import type { AccountData } from './account-data.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import type { OperatorData } from './operator-data.js';
import type { ProcessLike } from './process-like.js';
import { PLAIN, painterFor } from './render/colour.js';
import type { Painter } from './render/colour.js';

/** What commands need beyond the process; production values in ports.ts. */
export interface Ports {
  openOperatorData(config: CliConfig): Promise<OperatorData>;
  openAccounts(config: AccountConfig): Promise<AccountData>;
  /** Throws ConfigError when the settings name no Marathon. Opens no connection yet. */
  openMarathon(config: CliConfig): Promise<MarathonClient>;
  readonly endpointSource: EndpointSource;
}

/** Handed to every command. */
export interface Context {
  readonly proc: ProcessLike;
  readonly ports: Ports;
  readonly clock: Clock;
  /** Resolves after ms or when the signal aborts. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly paint: Painter;
  /** Colours for standard error. */
  readonly paintError: Painter;
  readonly isTty: boolean;
  /** Columns for text: the terminal's, else COLUMNS, else without limit: pipes are for grep. */
  width(): number;
  /** For times of day; undefined = the system's. */
  readonly timeZone: string | undefined;
  /** Writes lines to standard output, each ended by a newline. */
  print(...lines: readonly string[]): void;
  printError(...lines: readonly string[]): void;
  /** Asks on the terminal; false unless the answer begins with y. */
  confirm(question: string): Promise<boolean>;
  /** The exit code of the command that ran. */
  exitCode: ExitCode;
}

/** Builds the context of one run. */
export function createContext(
  proc: ProcessLike,
  ports: Ports,
  clock: Clock = systemClock,
  waiter: Context['wait'] = wait,
): Context {
  const isTty = proc.stdout.isTTY === true;
  const write = (stream: ProcessLike['stdout'], lines: readonly string[]): void => {
    if (lines.length > 0) stream.write(lines.map((line) => `${line}\n`).join(''));
  };
  return {
    proc,
    ports,
    clock,
    wait: waiter,
    paint: painterFor(isTty, proc.env),
    paintError: proc.stderr.isTTY === true ? painterFor(true, proc.env) : PLAIN,
    isTty,
    width: () => {
      const said = Number(proc.env['COLUMNS']);
      if (isTty && proc.stdout.columns !== undefined && proc.stdout.columns > 0)
        return proc.stdout.columns;
      return Number.isInteger(said) && said > 0 ? said : Number.POSITIVE_INFINITY;
    },
    timeZone: proc.env['TZ'] === undefined || proc.env['TZ'] === '' ? undefined : proc.env['TZ'],
    print: (...lines) => write(proc.stdout, lines),
    printError: (...lines) => write(proc.stderr, lines),
    confirm: (question) => confirm(proc, question),
    exitCode: EXIT.done,
  };
}

/** Runs `work` with the operator's data and closes it afterwards. Throws ConfigError and what `work` throws. */
export async function withOperatorData<T>(
  context: Context,
  work: (data: OperatorData, config: CliConfig) => Promise<T>,
): Promise<T> {
  // Loads zod: not for --help.
  const { loadCliConfig } = await import('../config/cli.js');
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const config = await loadCliConfig(context.proc.env, readFile, context.ports.endpointSource);
  const data = await context.ports.openOperatorData(config);
  try {
    return await work(data, config);
  } finally {
    await data.close();
  }
}

/** The end of input and Ctrl-C count as no. */
async function confirm(proc: ProcessLike, question: string): Promise<boolean> {
  proc.stdout.write(question);
  const lines = createInterface({ input: proc.stdin });
  const answer = new Promise<boolean>((resolve) => {
    lines.once('line', (line) => resolve(/^y(es)?$/i.test(line.trim())));
    lines.once('close', () => resolve(false));
  });
  const close = (): void => lines.close();
  proc.on('SIGINT', close);
  try {
    return await answer;
  } finally {
    proc.off('SIGINT', close);
    lines.close();
  }
}
