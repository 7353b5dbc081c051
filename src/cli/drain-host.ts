import type { CliConfig } from '../config/cli.js';
import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import type { IntentRecord, NodeRecord } from '../topology/node.js';
import type { Withdrawn } from './ask-drains.js';
import { askDrains } from './ask-drains.js';
import { isAgreed } from './consent.js';
import type { Context } from './context.js';
import type { DrainsOutlook } from './drain-guard.js';
import { drainCheckJson, lookBeforeDrains, outlookLines, printRefusals } from './drain-guard.js';
import type { DrainOptions } from './drain-intent.js';
import { alreadyText, changesIntent, newIntent } from './drain-intent.js';
import { waitForDrains } from './drain-wait.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { lookAtHost, othersLines, printEmptyHost } from './host-target.js';
import type { HostTarget } from './host-target.js';
import type { DrainJson } from './json-shapes.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { readFresh } from './own-drains.js';
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
  sayAlready(context, topology, target.nodes, asked, options);
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
    const withdrawn = await askHost(context, data, agreed, limits);
    if (withdrawn !== null) {
      return refuse(context, host, fresh, withdrawn.checks, options, withdrawn.after);
    }
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

function sayAlready(
  context: Context,
  { intents }: TopologyData,
  nodes: readonly NodeRecord[],
  asked: readonly NodeRecord[],
  options: DrainOptions,
): void {
  for (const record of nodes) {
    const intent = intents.get(record.nodeId);
    if (intent === undefined || asked.includes(record)) continue;
    if (options.json === true) {
      context.print(
        lineOf({ nodeId: record.nodeId, did: 'already-draining', intent, check: null }),
      );
    } else context.print(alreadyText(intent, context.clock.wallMs()));
  }
}

function refuse(
  context: Context,
  host: string,
  fresh: readonly NodeRecord[],
  checks: readonly DrainCheck[],
  options: DrainOptions,
  after?: readonly string[],
): ExitCode {
  if (options.json === true) {
    for (const { nodeId, role } of fresh) {
      const check = checkOf(checks, role, false);
      context.print(lineOf({ nodeId, did: 'refused', intent: null, check }));
    }
  }
  printRefusals(context, checks, `carna drain --host ${host} --force`, after);
  return EXIT.held;
}

function isHostAgreed(context: Context, plan: Plan): Promise<boolean> {
  const { host, target, asked, outlook, options } = plan;
  return isAgreed(context, {
    verb: 'drain',
    warning: () => {
      const intents = asked.map((record) => intentOf(context, plan, record));
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

function intentOf(
  context: Context,
  { host, topology, options }: Plan,
  record: NodeRecord,
): IntentRecord {
  const fresh = { want: 'maintenance', why: `maintenance of ${host}` } as const;
  const present = topology.intents.get(record.nodeId) ?? fresh;
  return newIntent(context, record.nodeId, options, present);
}

/** The intents are made after the answer. */
async function askHost(
  context: Context,
  data: OperatorData,
  plan: Plan,
  limits: DrainLimits,
): Promise<Withdrawn | null> {
  const { host, topology: before, asked, options } = plan;
  const intents = asked.map((record) => intentOf(context, plan, record));
  const how = { isForced: options.force === true, isJudged: options.yes === true };
  const withdrawn = await askDrains(context, data, { before, intents, limits, ...how }, () =>
    writeIntents(context, data, plan, intents),
  );
  if (withdrawn !== null || options.json === true) return withdrawn;
  const nodeIds = intents.map(({ nodeId }) => nodeId).join(', ');
  const progress = options.wait === true ? '' : ` Progress: carna drain --host ${host} --wait.`;
  context.print(
    `${host}: drain asked of ${nodeIds}.${progress} Undo: carna undrain --host ${host}`,
  );
  return null;
}

/** One after the other: when one cannot be written, it says which are. */
async function writeIntents(
  context: Context,
  data: OperatorData,
  plan: Plan,
  intents: readonly IntentRecord[],
): Promise<void> {
  const { host, topology, asked, outlook, options } = plan;
  const isJson = options.json === true;
  const written: string[] = [];
  try {
    for (const intent of intents) {
      const { nodeId } = intent;
      const role = asked.find((record) => record.nodeId === nodeId)?.role;
      await data.writeIntent(intent);
      written.push(nodeId);
      const isFresh = !topology.intents.has(nodeId);
      const check = isFresh ? checkOf(outlook.checks, role, options.force === true) : null;
      if (isJson) context.print(lineOf({ nodeId, did: 'asked', intent, check }));
    }
  } catch (err) {
    const rest = asked.map(({ nodeId }) => nodeId).filter((nodeId) => !written.includes(nodeId));
    const done = written.length === 0 ? 'none' : written.join(', ');
    context.printError(
      `asked to drain: ${done}; perhaps not: ${rest.join(', ')}. Again: carna drain --host ${host}`,
    );
    throw err;
  }
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
