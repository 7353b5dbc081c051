import type { CliConfig } from '../config/cli.js';
import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import type { IntentRecord, NodeRecord } from '../topology/node.js';
import type { Asked } from './ask-drains.js';
import { askDrains } from './ask-drains.js';
import { isAgreed } from './consent.js';
import type { Context } from './context.js';
import type { DrainsOutlook } from './drain-guard.js';
import { drainCheckJson, lookBeforeDrains, outlookLines, printRefusals } from './drain-guard.js';
import type { DrainOptions } from './drain-intent.js';
import { alreadyText, changesIntent, changeTo, newIntent } from './drain-intent.js';
import { waitForDrains } from './drain-wait.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { lookAtHost, othersLines, printEmptyHost } from './host-target.js';
import type { HostTarget } from './host-target.js';
import type { DrainJson } from './json-shapes.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import type { TakenBack } from './own-drains.js';
import { isSameIntent, readFresh } from './own-drains.js';
import { hostDrainWarning } from './render/drain-text.js';
import { plural } from './render/units.js';

/**
 * `carna drain --host`: asks all nodes of a host to drain, or none of them. What must stay is checked for
 * all together, and there is one question.
 */
export async function drainHost(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  host: string,
  options: DrainOptions,
  limits: DrainLimits,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const target = await lookAtHost(context, config, topology, host);
  if (target.nodes.length === 0) return printEmptyHost(context, host, target);
  const fresh = target.nodes.filter(({ nodeId }) => !topology.intents.has(nodeId));
  const asked = changesIntent(options) ? target.nodes : fresh;
  for (const record of target.nodes) {
    const intent = topology.intents.get(record.nodeId);
    if (intent !== undefined && !asked.includes(record)) sayAlready(context, intent, options);
  }
  if (asked.length > 0) {
    const outlook = await lookBeforeDrains(data, topology, fresh, limits);
    const isRefused = outlook.checks.some(({ kind }) => kind === 'refused');
    if (isRefused && options.force !== true) {
      return refuse(context, host, fresh, outlook.checks, options);
    }
    const plan = { host, topology, target, asked, outlook, options };
    if (!(await isHostAgreed(context, plan))) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    const agreed = { ...plan, topology: await readFresh(data) };
    const said = await askHost(context, data, agreed, limits);
    if (said.kind === 'withdrawn') {
      return refuse(context, host, fresh, said.checks, options, said.stands);
    }
    if (said.kind === 'left' || (said.isLeft && options.wait === true)) return EXIT.no;
  }
  if (options.wait !== true) return EXIT.done;
  const nodeIds = target.nodes.map(({ nodeId }) => nodeId);
  const subject = { nodeIds, undo: `carna undrain --host ${host}` };
  return waitForDrains(context, data, subject, options.json === true);
}

interface Plan {
  readonly host: string;
  readonly topology: TopologyData;
  readonly target: HostTarget;
  readonly asked: readonly NodeRecord[];
  readonly outlook: DrainsOutlook;
  readonly options: DrainOptions;
}

function sayAlready(context: Context, intent: IntentRecord, options: DrainOptions): void {
  const { nodeId } = intent;
  context.print(
    options.json === true
      ? lineOf({ nodeId, did: 'already-draining', intent, check: null })
      : alreadyText(intent, context.clock.wallMs()),
  );
}

function refuse(
  context: Context,
  host: string,
  fresh: readonly NodeRecord[],
  checks: readonly DrainCheck[],
  options: DrainOptions,
  stands?: TakenBack,
): ExitCode {
  if (options.json === true) {
    for (const { nodeId, role } of fresh) {
      const check = checkOf(checks, role, false);
      const intent = stands?.failed.find((one) => one.nodeId === nodeId) ?? null;
      context.print(lineOf({ nodeId, did: 'refused', intent, check }));
    }
  }
  return printRefusals(context, checks, `carna drain --host ${host} --force`, stands);
}

function isHostAgreed(context: Context, plan: Plan): Promise<boolean> {
  const { host, target, asked, outlook, options } = plan;
  return isAgreed(context, {
    verb: 'drain',
    warning: () => {
      const intents = asked.map(({ nodeId }) => {
        const present = plan.topology.intents.get(nodeId);
        const fresh = freshOf(context, plan, nodeId);
        return present === undefined ? fresh : newIntent(context, nodeId, options, present);
      });
      const nowMs = context.clock.wallMs();
      return [
        ...hostDrainWarning(host, asked, intents, outlook.calls, nowMs),
        ...outlook.checks.flatMap((check) => outlookLines(check, options.force === true)),
        ...othersLines(target.others),
      ];
    },
    question: `Drain ${plural(asked.length, 'node')} on ${host}? [y/N] `,
    isYes: options.yes === true,
    isJson: options.json === true,
  });
}

/** As it is asked for where none stands. */
function freshOf(context: Context, { host, options }: Plan, nodeId: string): IntentRecord {
  const why = `maintenance of ${host}`;
  return newIntent(context, nodeId, options, { want: 'maintenance', why });
}

/** The intents are made after the answer. */
async function askHost(
  context: Context,
  data: OperatorData,
  plan: Plan,
  limits: DrainLimits,
): Promise<Asked> {
  const { host, topology: before, asked, options } = plan;
  const fresh = asked.map(({ nodeId }) => freshOf(context, plan, nodeId));
  const how = { isForced: options.force === true, isJudged: options.yes === true };
  const tellTakenBack = (nodeId: string): void => {
    if (options.json !== true) return;
    context.print(lineOf({ nodeId, did: 'undrained', intent: null, check: null }));
  };
  const wish = { before, fresh, limits, ...how, tellTakenBack };
  const said = await askDrains(context, data, wish, () => writeIntents(context, data, plan, fresh));
  if (said.kind !== 'standing' || options.json === true) return said;
  const ours = said.intents.filter((one) => isAsked(one, fresh, options));
  if (ours.length === 0) return said;
  const progress = options.wait === true ? '' : ` Progress: carna drain --host ${host} --wait.`;
  const names = ours.map(({ nodeId }) => nodeId).join(', ');
  context.print(`${host}: drain asked of ${names}.${progress} Undo: carna undrain --host ${host}`);
  return said;
}

/** What stands was asked for by us, or something new was said to it. */
function isAsked(
  intent: IntentRecord,
  fresh: readonly IntentRecord[],
  options: DrainOptions,
): boolean {
  return changesIntent(options) || fresh.some((mine) => isSameIntent(intent, mine));
}

/** One after the other: when one cannot be written, it says which are. Gives what stands then. */
async function writeIntents(
  context: Context,
  data: OperatorData,
  plan: Plan,
  fresh: readonly IntentRecord[],
): Promise<readonly IntentRecord[]> {
  const { host, asked, options } = plan;
  const standing: IntentRecord[] = [];
  try {
    for (const mine of fresh) {
      const intent = await data.changeIntent(mine.nodeId, changeTo(context, options, mine));
      standing.push(intent);
      if (isAsked(intent, fresh, options)) sayAsked(context, plan, intent, mine);
      else sayAlready(context, intent, options);
    }
    return standing;
  } catch (err) {
    const written = standing.map(({ nodeId }) => nodeId);
    const rest = asked.map(({ nodeId }) => nodeId).filter((nodeId) => !written.includes(nodeId));
    const done = written.length === 0 ? 'none' : written.join(', ');
    context.printError(
      `asked to drain: ${done}; perhaps not: ${rest.join(', ')}. Again: carna drain --host ${host}`,
    );
    throw err;
  }
}

/** As text all are told together, once it is known that they stand. */
function sayAsked(context: Context, plan: Plan, intent: IntentRecord, mine: IntentRecord): void {
  const { asked, outlook, options } = plan;
  if (options.json !== true) return;
  const { nodeId } = intent;
  const role = asked.find((record) => record.nodeId === nodeId)?.role;
  const isOurs = isSameIntent(intent, mine);
  const check = isOurs ? checkOf(outlook.checks, role, options.force === true) : null;
  context.print(lineOf({ nodeId, did: 'asked', intent, check }));
}

function checkOf(
  checks: readonly DrainCheck[],
  role: NodeRecord['role'] | undefined,
  isForced: boolean,
): DrainJson['check'] {
  const check = checks.find(({ numbers }) => numbers.role === role);
  return check === undefined ? null : drainCheckJson(check, isForced);
}

function lineOf(line: Omit<DrainJson, 'schema'>): string {
  return jsonLine({ schema: JSON_SCHEMA, ...line });
}
