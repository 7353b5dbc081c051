import type { DrainCheck } from '../../topology/drain-check.js';
import type { IntentRecord, Role } from '../../topology/node.js';
import { CarnaError, messageOf } from '../../util/errors.js';
import { isAgreed, operatorName } from '../consent.js';
import { drainCheckJson, outlookLines } from '../drain-guard.js';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { TopologyData } from '../operator-data.js';
import type { TakenBack } from '../own-drains.js';
import {
  exitCodeAfter,
  isSameIntent,
  readBesideOurs,
  readFresh,
  UNTOUCHED,
} from '../own-drains.js';
import { callsOn, callsWarning, headline, victimLines } from '../render/scale-text.js';
import type { ScaleOptions } from './options.js';
import type { InPlan } from './plan-in.js';
import { checkPlans } from './plan-in.js';
import type { ScaleRun } from './run.js';
import type { VictimJson } from './scale-json.js';
import { lockText } from './scale-out.js';
import { ScaleIn } from './scale-in.js';
import { takeBack } from './take-back.js';

/**
 * Shows the plans, asks, drains all victims and has them killed app by app. What must stay is judged by what
 * is known then: for the question, after the answer, and once more when the drains of others can be seen
 * beside ours.
 */
export async function goDown(
  run: ScaleRun,
  plans: readonly InPlan[],
  options: ScaleOptions,
  stop: AbortSignal,
): Promise<ExitCode> {
  const checks = await checkPlans(run, plans, await readFresh(run.data));
  if (isHeld(run, checks)) return refuse(run, plans, checks);
  const lines = planLines(run, plans, checks, options);
  if (options.dryRun === true) {
    const would = [...lines, 'Nothing was changed (--dry-run).'];
    tellPlans(run, plans, checks, would);
    return EXIT.done;
  }
  if (run.teller.isJson) tellPlans(run, plans, checks, lines);
  const victims = plans.flatMap((plan) => plan.victims);
  const isYes = await isAgreed(run.context, {
    verb: 'scaling in',
    warning: () => lines,
    question: `Drain and kill ${victims.length === 1 ? 'it' : `these ${victims.length}`}, after ${callsOn(victims)}? [y/N] `,
    isYes: options.yes === true,
    isJson: run.teller.isJson,
  });
  if (!isYes || stop.aborted) {
    run.context.printError('nothing was changed');
    return EXIT.no;
  }
  return drainAndKill(run, plans, options, stop);
}

async function drainAndKill(
  run: ScaleRun,
  plans: readonly InPlan[],
  options: ScaleOptions,
  stop: AbortSignal,
): Promise<ExitCode> {
  const before = await readFresh(run.data);
  if (options.yes !== true) {
    const checks = await checkPlans(run, plans, before);
    if (isHeld(run, checks)) return refuse(run, plans, checks);
  }
  const ours = new Map<string, IntentRecord>();
  try {
    for (const plan of plans) await askDrains(run, plan, options, ours);
    const checks = await checkBesideOurs(run, plans, before, [...ours.values()]);
    if (isHeld(run, checks)) return await backOff(run, plans, checks, ours);
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    let code = exitCodeOf(err);
    for (const { subject, victims } of plans) {
      const mine = victims.flatMap(({ nodeId }) => ours.get(nodeId) ?? []);
      const stands = await takeBack(run, subject, mine);
      const lines = [`${messageOf(err)}: nothing was killed.`, ...stands.after, ...stands.open];
      run.teller.lines(subject, 'failed', lines);
      code = exitCodeAfter(stands, code);
    }
    return code;
  }
  let worst: ExitCode = EXIT.done;
  for (const plan of plans) {
    const mine = plan.victims.flatMap(({ nodeId }) => ours.get(nodeId) ?? []);
    const code = await new ScaleIn(run, plan, mine).run(stop);
    if (code > worst) worst = code;
  }
  return worst;
}

/** `ours` takes whom nobody else has asked to drain by then, also one whose writing failed: it may stand all the same. */
async function askDrains(
  run: ScaleRun,
  plan: InPlan,
  options: ScaleOptions,
  ours: Map<string, IntentRecord>,
): Promise<void> {
  const { role, appId } = plan.subject;
  const { target } = plan.goal;
  const why = options.why ?? (target === null ? 'scale-in' : `scale ${role ?? appId} to ${target}`);
  for (const { nodeId } of plan.victims) {
    const nowMs = run.context.clock.wallMs();
    const fresh: IntentRecord = {
      schema: 1,
      nodeId,
      want: 'drain',
      by: options.by ?? operatorName(run.context),
      why,
      since: nowMs,
      deadline: options.deadline === undefined ? null : nowMs + options.deadline,
      now: false,
    };
    await run.data.changeIntent(nodeId, (present) => {
      const isOurs = present === null || isSameIntent(present, fresh);
      if (isOurs) ours.set(nodeId, fresh);
      else ours.delete(nodeId);
      if (isOurs) return fresh;
      return options.deadline === undefined ? present : { ...present, deadline: fresh.deadline };
    });
  }
}

type Checks = ReadonlyMap<Role, DrainCheck>;

/** Others may have asked for drains while ours were being written. */
async function checkBesideOurs(
  run: ScaleRun,
  plans: readonly InPlan[],
  before: TopologyData,
  ours: readonly IntentRecord[],
): Promise<Checks> {
  if (ours.length === 0 || run.isForced) return new Map();
  return checkPlans(run, plans, await readBesideOurs(run.context, run.data, before, ours));
}

function isHeld(run: ScaleRun, checks: Checks): boolean {
  return !run.isForced && [...checks.values()].some(({ kind }) => kind === 'refused');
}

/** Two who meet may both do so. */
async function backOff(
  run: ScaleRun,
  plans: readonly InPlan[],
  checks: Checks,
  ours: ReadonlyMap<string, IntentRecord>,
): Promise<ExitCode> {
  const taken: TakenBack[] = [];
  for (const { subject, victims } of plans) {
    const mine = victims.flatMap(({ nodeId }) => ours.get(nodeId) ?? []);
    taken.push(await takeBack(run, subject, mine));
  }
  const met = 'Nodes left, or somebody else asked for drains, in the same moment.';
  const after = new Set(taken.flatMap((one) => one.after));
  return refuse(run, plans, checks, {
    after: [`${met} Nothing was killed.`, ...after],
    failed: taken.flatMap(({ failed }) => failed),
    open: taken.flatMap(({ open }) => open),
  });
}

const UNTOUCHED_YET: TakenBack = {
  ...UNTOUCHED,
  after: ['Nothing was changed. Ask for a larger number, or: --force'],
};

function refuse(
  run: ScaleRun,
  plans: readonly InPlan[],
  checks: Checks,
  stands = UNTOUCHED_YET,
): ExitCode {
  const code = exitCodeAfter(stands, EXIT.held);
  const why = [...checks.values()].flatMap((check) =>
    check.kind === 'refused' ? [...check.lines, ...check.notes] : [],
  );
  const lines = [`refused (exit ${code}): ${why.join(' ')}`, ...stands.after, ...stands.open];
  if (run.teller.isJson) tellPlans(run, plans, checks, lines, 'refused');
  run.context.printError(...lines);
  return code;
}

function planLines(
  run: ScaleRun,
  plans: readonly InPlan[],
  checks: Checks,
  options: ScaleOptions,
): string[] {
  const shown = plans.flatMap((plan) => {
    const { subject, instances, victims, waiting, deploymentIds } = plan;
    const head = headline(subject.role ?? subject.appId, instances, instances - victims.length);
    const lines = [head, ...victimLines(victims, run.context.paint)];
    if (waiting > 0) {
      const rest = Math.max(0, instances - victims.length - waiting);
      lines.push(`  Of the rest ${rest} run; ${waiting} wait for offers.`);
    }
    if (deploymentIds.length > 0) {
      const fate = plan.goal.mayCancel.length > 0 ? 'ended where it stands' : 'waited for';
      lines.push(`  ${lockText(deploymentIds)} is under way; it is ${fate} before the kill.`);
    }
    return lines;
  });
  const rest = [...checks.values()].flatMap((check) => outlookLines(check, run.isForced));
  const victims = plans.flatMap((plan) => plan.victims);
  return [...shown, ...rest, callsWarning(victims, options.deadline)];
}

function tellPlans(
  run: ScaleRun,
  plans: readonly InPlan[],
  checks: Checks,
  lines: readonly string[],
  step: 'plan' | 'refused' = 'plan',
): void {
  if (!run.teller.isJson) {
    run.context.print(...lines);
    return;
  }
  for (const { subject, victims } of plans) {
    run.teller.lines(subject, step, lines, {
      victims: victims.map(({ nodeId, taskId, host, calls, intent }): VictimJson => ({
        ...{ nodeId, taskId, host, calls },
        isDraining: intent !== null,
      })),
      checks: [...checks.values()].map((check) => drainCheckJson(check, run.isForced)),
    });
  }
}
