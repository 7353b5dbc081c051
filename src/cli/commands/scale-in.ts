import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import type { Member } from '../../marathon/scale/member.js';
import { ROLES } from '../../topology/node.js';
import { nodeIdMeant } from '../../topology/node-name.js';
import { parseNodeId } from '../arguments.js';
import { marathonGroupOf } from '../configured-marathon.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { untilInterrupted } from '../process-like.js';
import { printUnknownNode } from '../render/unknown-node.js';
import { goDown } from '../scale/go-down.js';
import { remainsOf } from '../scale/leftovers.js';
import { addScaleOptions, openRun } from '../scale/options.js';
import type { ScaleOptions } from '../scale/options.js';
import type { InPlan } from '../scale/plan-in.js';
import { planFor } from '../scale/plan-in.js';
import type { ScaleRun } from '../scale/run.js';
import { lockText } from '../scale/scale-out.js';
import type { Subject } from '../scale/teller.js';
import { readUnlocked } from '../scale/unlocked.js';

/** `carna scale-in NODE…`. */
export function registerScaleIn(program: Command, context: Context): void {
  const command = program
    .command('scale-in')
    .description('drain these nodes, then have exactly them killed: one instance fewer for each')
    .argument('<nodes...>', 'node ids or the begins of their uuids, of one or several roles');
  addScaleOptions(command)
    .addHelpText(
      'after',
      `
All are drained together and killed in one call per app, when no call is left on them. Safe to repeat.
When it ends with nothing killed, the drains that it asked for are taken back, except after Ctrl-C; it says so.
Exit code 1 when it did not get there; 3 when Marathon or ZooKeeper is away, or drains could not be taken back; 4 when
floor or headroom refuse it, also because somebody else drains nodes in the same moment.
Example:
  carna scale-in NODE1 NODE2 --deadline 30m`,
    )
    .action(async (names: readonly string[], options: ScaleOptions) => {
      const nodeIds = [...new Set(names.map(parseNodeId))];
      context.exitCode = await withOperatorData(context, (data, config) =>
        scaleInCommand(context, data, config, nodeIds, options),
      );
    });
}

async function scaleInCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  names: readonly string[],
  options: ScaleOptions,
): Promise<ExitCode> {
  const run = await openRun(context, data, config, options);
  return untilInterrupted(context.proc, async (stop) => {
    const topology = await data.readTopology();
    const known = [...topology.nodes.keys(), ...topology.intents.keys()];
    const nodeIds = new Set(names.map((name) => nodeIdMeant(name, known)));
    const groups = groupByApp(context, config, topology, [...nodeIds]);
    if (groups === null) return EXIT.no;
    const plans: InPlan[] = [];
    for (const [subject, wanted] of groups) {
      const plan = await planApp(run, subject, wanted, options, stop);
      if (plan === 'impossible') return EXIT.no;
      if (plan !== 'gone') plans.push(plan);
    }
    return plans.length === 0 ? EXIT.done : goDown(run, plans, options, stop);
  });
}

/** Null when a node is not one that Marathon runs for this platform; says which. */
function groupByApp(
  context: Context,
  config: CliConfig,
  topology: TopologyData,
  nodeIds: readonly string[],
): ReadonlyMap<Subject, readonly string[]> | null {
  const group = marathonGroupOf(config);
  const subjects = ROLES.map((role): Subject => ({ role, appId: `${group}/${role}` }));
  const found = new Map<Subject, string[]>();
  for (const nodeId of nodeIds) {
    const record = topology.nodes.get(nodeId)?.record;
    const subject = subjects.find(({ appId }) =>
      record === undefined
        ? nodeId.startsWith(`${appId.slice(1).replaceAll('/', '_')}.`)
        : record.marathon?.appId === appId,
    );
    if (subject === undefined && record === undefined) {
      printUnknownNode(context, nodeId, topology.nodes.keys());
      return null;
    }
    if (subject === undefined) {
      const of = record?.marathon?.appId ?? null;
      context.printError(
        `error: ${nodeId} is ${of === null ? 'not a task of Marathon' : `of the app ${of}`}, expected an app of a role below ${group}`,
        `  next: carna drain ${nodeId} --wait, then stop it where it was started`,
      );
      return null;
    }
    found.set(subject, [...(found.get(subject) ?? []), nodeId]);
  }
  return found;
}

async function planApp(
  run: ScaleRun,
  subject: Subject,
  nodeIds: readonly string[],
  options: ScaleOptions,
  stop: AbortSignal,
): Promise<InPlan | 'gone' | 'impossible'> {
  const isDry = options.dryRun === true;
  const picture = await readUnlocked(run, subject, () => !isDry, stop);
  const { app, members, topology } = picture;
  const victims: Member[] = [];
  for (const nodeId of nodeIds) {
    const member = members.find((one) => one.nodeId === nodeId);
    if (member !== undefined) victims.push(member);
    else if (remainsOf(nodeId, nodeId, picture).length > 0) {
      run.context.printError(
        `error: Marathon lists no task ${nodeId} in ${subject.appId}, but it is still there (${remainsOf(nodeId, nodeId, picture).join(', ')}); nothing was changed`,
        `  next: carna explain ${nodeId}`,
      );
      return 'impossible';
    } else if (!topology.intents.has(nodeId)) {
      printUnknownNode(run.context, nodeId, topology.nodes.keys());
      return 'impossible';
    } else {
      // An earlier run was left after the kill.
      if (!isDry) await run.data.removeIntent(nodeId);
      run.teller.step(subject, 'gone', `${nodeId} is gone already`, { nodeId });
    }
  }
  if (victims.length === 0) return 'gone';
  if (app === undefined) return 'impossible';
  if (app.deploymentIds.length > 0 && !isDry) {
    const text = `${lockText(app.deploymentIds)} is under way: nothing was changed. Try again when it is over.`;
    run.teller.lines(subject, 'refused', [text]);
    return 'impossible';
  }
  const { isForced } = run;
  const planned = planFor(subject, app, victims, null, { isForced, mayCancelWaiting: false });
  if (planned.kind === 'plan') return planned.plan;
  run.teller.lines(subject, 'refused', planned.lines);
  return 'impossible';
}
