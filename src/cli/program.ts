import { Command, CommanderError } from 'commander';
import { packageVersion } from '../util/package-root.js';
import { createContext } from './context.js';
import type { Context } from './context.js';
import { EXIT, EXIT_CODES_HELP } from './exit-codes.js';
import { reportFailure } from './failure.js';
import { SHIPPED_PORTS } from './ports.js';
import type { ProcessLike } from './process-like.js';

type Register = (program: Command, context: Context) => void;

/** In the order of `carna --help`. Loaded when needed: a daemon carries no code of the operator's commands. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  topology: async () => (await import('./commands/topology.js')).registerTopology,
  nodes: async () => (await import('./commands/nodes.js')).registerNodes,
  explain: async () => (await import('./commands/explain.js')).registerExplain,
  dispatcher: async () => (await import('./commands/dispatcher.js')).registerDispatcher,
  timeline: async () => (await import('./commands/timeline.js')).registerTimeline,
  drain: async () => (await import('./commands/drain.js')).registerDrain,
  undrain: async () => (await import('./commands/undrain.js')).registerUndrain,
  scale: async () => (await import('./commands/scale.js')).registerScale,
  'scale-in': async () => (await import('./commands/scale-in.js')).registerScaleIn,
  registrations: async () => (await import('./commands/registrations.js')).registerRegistrations,
  location: async () => (await import('./commands/location.js')).registerLocation,
  user: async () => (await import('./commands/user.js')).registerUser,
  trunk: async () => (await import('./commands/trunk.js')).registerTrunk,
  plan: async () => (await import('./commands/plan.js')).registerPlan,
  guard: async () => (await import('./commands/guard.js')).registerGuard,
  marathon: async () => (await import('./commands/marathon.js')).registerMarathon,
  lint: async () => (await import('./commands/lint.js')).registerLint,
  deploy: async () => (await import('./commands/deploy.js')).registerDeploy,
  rollout: async () => (await import('./commands/rollout.js')).registerRollout,
  init: async () => (await import('./commands/init.js')).registerInit,
  agent: async () => (await import('./commands/agent.js')).registerAgent,
  reconciler: async () => (await import('./commands/reconciler.js')).registerReconciler,
  lab: async () => (await import('./commands/lab.js')).registerLab,
  completion: async () => (await import('./commands/completion.js')).registerCompletion,
};

/** Needs the whole tree, because it writes it down. */
const WHOLE_TREE = 'completion';

const EXAMPLES = `
Examples:
  carna topology --watch            what runs, and how it is
  carna nodes --role media --json   for scripts
  carna dispatcher                  desired | table | live lists, side by side
  carna explain media-1             why it gets calls, or why not
  carna timeline --last 3           how fast the last changes went through
  carna drain media-1 --wait        take a node out without losing a call
  carna scale media 6               more nodes, or fewer, without losing a call
  carna location alice@example.org  where a phone is, and what a call to it would do

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
    const program = await createProgram(context, argv[0]);
    await program.parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (err) {
    if (err instanceof CommanderError) return err.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (isPipeClosed) return EXIT.done;
    return reportFailure(err, (text) => context.proc.stderr.write(text));
  }
}

/**
 * The command tree. When `word`, the first of the line, names a command, only that one is in it; help,
 * completion and the answer to a wrong word need them all.
 */
async function createProgram(context: Context, word: string | undefined): Promise<Command> {
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
  const isKnown = word !== undefined && word !== WHOLE_TREE && Object.hasOwn(COMMANDS, word);
  for (const [name, load] of Object.entries(COMMANDS)) {
    if (!isKnown || name === word) (await load())(program, context);
  }
  return program;
}
