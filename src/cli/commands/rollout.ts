import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import { UsageError } from '../../util/errors.js';
import { parseCount, parseDeadline, wholeUpTo } from '../arguments.js';
import type { Context } from '../context.js';
import { withOperatorData } from '../context.js';
import type { MarathonWork } from '../deploy/marathon-work.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { OperatorData } from '../operator-data.js';
import { untilInterrupted } from '../process-like.js';
import { lintText } from '../render/lint-text.js';
import type { OnWorse } from '../rollout/end-rollout.js';
import type { RolloutOptions } from '../rollout/rollout-role.js';
import type { RolloutTeller } from '../rollout/rollout-teller.js';

interface Options {
  readonly batch: number;
  readonly onWorse: OnWorse;
  readonly readyTimeout?: number;
  readonly deadline?: number;
  readonly floor?: number;
  readonly headroom?: number;
  readonly force?: true;
  readonly cancel?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const READY_MS = 5 * 60_000;
const DEADLINE_MS = 4 * 60 * 60_000;

/** `carna rollout ROLE [FILE]`. */
export function registerRollout(program: Command, context: Context): void {
  program
    .command('rollout')
    .description(
      'replace the nodes of a role one by one, each drained, and stop when it gets worse',
    )
    .argument(
      '<role>',
      'load-balancer, dispatcher, registrar, media, outbound or reconciler',
      parseName,
    )
    .argument(
      '[file]',
      'the new definition: a group, or the app alone; without it they are restarted',
    )
    .option('--batch <n>', 'nodes that may be away at a time', parseCount('a number of nodes'), 1)
    .addOption(
      new Option('--on-worse <what>', 'stop = leave the rest as it is; roll-back = see below')
        .choices(['stop', 'roll-back'])
        .default('stop'),
    )
    .option(
      '--ready-timeout <duration>',
      'for a new node to be listed (default: 5m)',
      parseDeadline,
    )
    .option('--deadline <duration>', 'wait at most so long (default: 4h)', parseDeadline)
    .option('--floor <n>', 'nodes of the role that must stay (as carna drain)', wholeUpTo(100_000))
    .option('--headroom <percent>', 'room that must stay (as carna drain)', wholeUpTo(1_000))
    .option('--force', 'also when the role cannot spare a node')
    .option('--cancel', 'end the rollout under way as --on-worse says')
    .option('--dry-run', 'only say what would happen')
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--json', 'one JSON object per step; src/cli/rollout/rollout-json.ts')
    .addHelpText(
      'after',
      `
Marathon chooses the order. A node drains when it is told to stop (SIGTERM) and goes when its calls have ended, at
most after its kill grace; the next one goes when the new one is ready. So that no more than --batch are away, the
definition's upgradeStrategy is replaced where it would take more; carna deploy leaves that as it is.
Refused (exit 4) when the rest would be too few for the calls of now, or a node is out of service and Marathon does
not see that; one that its health checks found bad as well is replaced first.
Worse: a new task ends or is launched again, its server crashes, its node is not listed within --ready-timeout, goes
down again or falls silent, or the reconciler gets no answer from it. Then nothing further is taken away (exit 1).
--on-worse roll-back lets Marathon bring the earlier definition back. To Marathon that is one more change: it replaces
all nodes, the untouched ones too, at the pace of the earlier definition's upgradeStrategy.
After a rollout that was ended half-way Marathon holds the new definition and old nodes run: the same FILE again tells
how many (exit 1), without FILE all are restarted with that definition.
Ctrl-C leaves it to Marathon, unwatched; the same command follows it again, --cancel stops it.
Examples:
  carna rollout dispatcher dc1.json
  carna rollout media --batch 2 --yes
  carna rollout media --cancel`,
    )
    .action(async (name: string, file: string | undefined, options: Options) => {
      context.exitCode = await withOperatorData(context, (data, config) =>
        rolloutCommand(context, data, config, name, file, options),
      );
    });
}

async function rolloutCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  name: string,
  file: string | undefined,
  options: Options,
): Promise<ExitCode> {
  // Loads zod: not for --help.
  const { marathonGroupOf } = await import('../configured-marathon.js');
  const appId = `${marathonGroupOf(config)}/${name}`;
  const { readAppFile } = await import('../rollout/rollout-file.js');
  const read = file === undefined ? null : readAppFile(file, appId);
  if (read?.kind === 'bad') {
    context.printError(...lintText([read.linted], context.paintError), 'Nothing was sent.');
    return read.linted.error === null ? EXIT.no : EXIT.usage;
  }
  const { createMarathonWork } = await import('../deploy/marathon-work.js');
  const teller = await import('../rollout/rollout-teller.js');
  const limits = {
    isJson: options.json === true,
    deadlineMs: options.deadline ?? DEADLINE_MS,
  };
  const again = `carna rollout ${name}${file === undefined ? '' : ` ${file}`}`;
  return untilInterrupted(context.proc, async (stop) => {
    const work = await createMarathonWork(context, config, data, { ...limits, stop });
    const tell = new teller.RolloutTeller(work, appId, again);
    if (options.cancel === true) return cancel(work, tell, appId, options.onWorse);
    const { rolloutRole } = await import('../rollout/rollout-role.js');
    const wish = wishOf(config, options, appId, read?.wanted ?? null);
    return rolloutRole(work, wish, tell);
  });
}

function wishOf(
  config: CliConfig,
  options: Options,
  appId: string,
  wanted: RolloutOptions['wanted'],
): RolloutOptions {
  return {
    appId,
    wanted,
    batch: options.batch,
    limits: {
      floor: options.floor ?? config.drainFloor,
      headroomPercent: options.headroom ?? config.drainHeadroomPercent,
    },
    onWorse: options.onWorse,
    readyMs: options.readyTimeout ?? READY_MS,
    isForced: options.force === true,
    isDryRun: options.dryRun === true,
    isYes: options.yes === true,
  };
}

async function cancel(
  work: MarathonWork,
  tell: RolloutTeller,
  appId: string,
  onWorse: OnWorse,
): Promise<ExitCode> {
  const deployments = await work.marathon.readDeployments(work.stop);
  const found = deployments.find(({ restartedApps }) => restartedApps?.includes(appId) === true);
  if (found === undefined) {
    throw new UsageError(
      `${appId}: expected a rollout under way, found none (nothing was changed)`,
    );
  }
  const { cancelRollout } = await import('../rollout/close-rollout.js');
  const code = await cancelRollout(work, tell, { appId, deploymentId: found.id, onWorse });
  return code === EXIT.away ? code : EXIT.done;
}

function parseName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('expected the name of a role.');
}
