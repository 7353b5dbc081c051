import type { Command } from 'commander';
import { Argument } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import { ROLES } from '../../topology/node.js';
import type { Role } from '../../topology/node.js';
import { wholeUpTo } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { OperatorData } from '../operator-data.js';
import { untilInterrupted } from '../process-like.js';
import { plural } from '../render/units.js';
import { goDown } from '../scale/go-down.js';
import { addScaleOptions, appIdOf, openRun } from '../scale/options.js';
import type { ScaleOptions } from '../scale/options.js';
import type { Picture } from '../scale/picture.js';
import { planDownTo } from '../scale/plan-in.js';
import type { ScaleRun } from '../scale/run.js';
import { lockText, ScaleOut } from '../scale/scale-out.js';
import type { Subject } from '../scale/teller.js';
import { readUnlocked } from '../scale/unlocked.js';

const MAX_NODES = 1_000;

/** `carna scale ROLE N`. */
export function registerScale(program: Command, context: Context): void {
  const command = program
    .command('scale')
    .description('bring a role to a number of nodes, without losing a call')
    .addArgument(new Argument('<role>', 'which nodes').choices(ROLES))
    .argument('<n>', 'how many there shall be', wholeUpTo(MAX_NODES))
    .option(
      '--cancel-waiting',
      'down although instances wait for offers: ends the deployment that waits, without rolling it back',
    );
  addScaleOptions(command)
    .addHelpText(
      'after',
      `
Up: asks Marathon and follows every new node until all Kamailios list it; says why when nothing fits.
Down: chooses nodes (those that drain already, then those that take no calls, then the fewest calls), drains
them, and has exactly them killed in one call once no call is left on them; then looks that they are gone.
Safe to repeat: what was left half-way (Ctrl-C, a lost connection) is gone on with. When it ends with nothing
killed, the drains that it asked for are taken back, except after Ctrl-C; it says so.
Exit code 1 when it did not get there; 3 when Marathon or ZooKeeper is away, or drains could not be taken back; 4 when
floor or headroom refuse it, also because somebody else drains nodes in the same moment.
Examples:
  carna scale media 6
  carna scale media 2 --dry-run
  carna scale media 2 --deadline 30m --yes`,
    )
    .action(async (role: Role, target: number, options: ScaleOptions) => {
      context.exitCode = await withOperatorData(context, (data, config) =>
        scaleCommand(context, data, config, role, target, options),
      );
    });
}

async function scaleCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  role: Role,
  target: number,
  options: ScaleOptions,
): Promise<ExitCode> {
  const run = await openRun(context, data, config, options);
  const subject = { appId: appIdOf(config, role), role };
  return untilInterrupted(context.proc, async (stop) => {
    const isDown = ({ app }: Picture): boolean => (app?.instances ?? 0) > target;
    const mustWait = (picture: Picture): boolean =>
      isDown(picture) && options.dryRun !== true && options.cancelWaiting !== true;
    const picture = await readUnlocked(run, subject, mustWait, stop);
    const { app } = picture;
    if (app === undefined) {
      context.printError(`error: Marathon has no app ${subject.appId}`, '  next: carna deploy');
      return EXIT.no;
    }
    tellStrangers(run, subject, picture);
    if (!isDown(picture)) return up(run, subject, app.instances, target, options, stop);
    return down(run, subject, picture, target, options, stop);
  });
}

async function up(
  run: ScaleRun,
  subject: Subject,
  before: number,
  target: number,
  options: ScaleOptions,
  stop: AbortSignal,
): Promise<ExitCode> {
  const name = subject.role ?? subject.appId;
  const more =
    before === target
      ? `${name} has ${plural(target, 'instance')} already`
      : `${name} ${before} → ${target}: Marathon starts ${plural(target - before, 'node')}`;
  if (options.dryRun === true) {
    run.teller.lines(subject, 'plan', [`${more}.`, 'Nothing was changed (--dry-run).']);
    return EXIT.done;
  }
  run.teller.lines(subject, 'plan', [`${more}. Ctrl-C leaves it going on in Marathon.`]);
  return new ScaleOut(run, subject, target).run(stop);
}

async function down(
  run: ScaleRun,
  subject: Subject,
  picture: Picture,
  target: number,
  options: ScaleOptions,
  stop: AbortSignal,
): Promise<ExitCode> {
  const { app } = picture;
  if (app === undefined) return EXIT.no;
  const mayCancelWaiting = options.cancelWaiting === true;
  const { isForced } = run;
  const planned = planDownTo(subject, app, picture, target, { isForced, mayCancelWaiting });
  if (planned.kind === 'impossible') {
    run.teller.lines(subject, 'refused', planned.lines);
    return EXIT.no;
  }
  const { deploymentIds, goal } = planned.plan;
  if (deploymentIds.length > 0 && goal.mayCancel.length === 0 && options.dryRun !== true) {
    const text = `${lockText(deploymentIds)} is under way: nothing was changed. Try again when it is over.`;
    run.teller.lines(subject, 'refused', [text]);
    return EXIT.no;
  }
  return goDown(run, [planned.plan], options, stop);
}

/** Nodes of the role that Marathon does not run as this app are nobody's business here. */
function tellStrangers(run: ScaleRun, subject: Subject, { topology }: Picture): void {
  const strangers = [...topology.nodes.values()]
    .map(({ record }) => record)
    .filter(({ role, marathon }) => role === subject.role && marathon?.appId !== subject.appId);
  const [first] = strangers;
  if (first === undefined || run.teller.isJson) return;
  const more = strangers.length === 1 ? '' : ` and ${strangers.length - 1} more`;
  run.context.print(
    `${first.nodeId}${more} of this role ${strangers.length === 1 ? 'is' : 'are'} not of ${subject.appId}: not counted, not touched.`,
  );
}
