import { Command, CommanderError } from 'commander';
import { packageVersion } from '../util/package-root.js';
import { registerAgent } from './commands/agent.js';
import { registerCompletion } from './commands/completion.js';
import { registerDispatcher } from './commands/dispatcher.js';
import { registerDrain } from './commands/drain.js';
import { registerInit } from './commands/init.js';
import { registerLab } from './commands/lab.js';
import { registerNodes } from './commands/nodes.js';
import { registerReconciler } from './commands/reconciler.js';
import { registerTimeline } from './commands/timeline.js';
import { registerTopology } from './commands/topology.js';
import { registerUndrain } from './commands/undrain.js';
import { createContext } from './context.js';
import type { Context } from './context.js';
import { EXIT, EXIT_CODES_HELP } from './exit-codes.js';
import { reportFailure } from './failure.js';
import { SHIPPED_PORTS } from './ports.js';
import type { ProcessLike } from './process-like.js';

/** In the order of `carna --help`. */
const REGISTRARS: readonly ((program: Command, context: Context) => void)[] = [
  registerTopology,
  registerNodes,
  registerDispatcher,
  registerTimeline,
  registerDrain,
  registerUndrain,
  registerInit,
  registerAgent,
  registerReconciler,
  registerLab,
  registerCompletion,
];

const EXAMPLES = `
Examples:
  carna topology --watch            what runs, and how it is
  carna nodes --role media --json   for scripts
  carna dispatcher                  desired | table | live lists, side by side
  carna timeline --last 3           how fast the last changes went through
  carna drain media-1 --wait        take a node out without losing a call

${EXIT_CODES_HELP}`;

/**
 * Runs one command line (without node and script) and returns the exit code. Never throws and never
 * exits the process; output is on proc.stdout and proc.stderr when it returns.
 */
export async function run(argv: readonly string[], proc: ProcessLike): Promise<number> {
  return runWith(argv, createContext(proc, SHIPPED_PORTS));
}

/** The same with a context of the caller's: tests pass fakes. */
export async function runWith(argv: readonly string[], context: Context): Promise<number> {
  let isPipeClosed = false;
  context.proc.stdout.on?.('error', (err) => {
    // `carna nodes | head`: whoever read has enough.
    if ((err as NodeJS.ErrnoException).code === 'EPIPE') isPipeClosed = true;
    else throw err;
  });
  try {
    await createProgram(context).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (isPipeClosed) return EXIT.done;
    return reportFailure(err, (text) => context.proc.stderr.write(text));
  }
}

/** The command tree; completion and help are made from it. */
export function createProgram(context: Context): Command {
  const program = new Command('carna')
    .description('Runs a SIP platform (Kamailio, FreeSWITCH) like any other application.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'explain the command')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(carna --help lists the commands and options)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.proc.stdout.write(text),
      writeErr: (text) => context.proc.stderr.write(text),
      getOutHelpWidth: () => Math.min(context.width(), 100),
      getErrHelpWidth: () => Math.min(context.width(), 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const register of REGISTRARS) register(program, context);
  return program;
}
