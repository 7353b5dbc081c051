import type { Command } from 'commander';
import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import type { DrainCheck, DrainLimits } from '../../topology/drain-check.js';
import { nodeIdMeant } from '../../topology/node-name.js';
import { parseDeadline, parseHost, parseNodeId, parseText, wholeUpTo } from '../arguments.js';
import { askDrains } from '../ask-drains.js';
import { isAgreed } from '../consent.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { drainCheckJson, lookBeforeDrain, outlookLines, printRefusals } from '../drain-guard.js';
import type { DrainOutlook } from '../drain-guard.js';
import { drainHost } from '../drain-host.js';
import type { DrainOptions } from '../drain-intent.js';
import { alreadyText, changesIntent, changeTo, newIntent } from '../drain-intent.js';
import { oneTarget } from '../host-target.js';
import { waitForDrain } from '../drain-wait.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import type { TakenBack } from '../own-drains.js';
import { isSameIntent, readFresh } from '../own-drains.js';
import { drainWarning } from '../render/drain-text.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options extends DrainOptions {
  readonly host?: string;
  readonly floor?: number;
  readonly headroom?: number;
}

/** `carna drain NODE` and `carna drain --host HOST`. */
export function registerDrain(program: Command, context: Context): void {
  program
    .command('drain')
    .description('take a node out: no new calls, the present ones end by themselves')
    .argument('[node]', 'node id, or the begin of its uuid', parseNodeId)
    .option('--host <host>', 'instead: all nodes on this host, for its maintenance', parseHost)
    .option('--why <text>', 'reason, shown to everybody who looks', parseText)
    .option('--by <name>', 'who wants it (default: $USER)', parseText)
    .option(
      '--deadline <duration>',
      'wait at most so long for calls: 90s, 30m, 1h30m',
      parseDeadline,
    )
    .option('--now', 'do not wait for calls')
    .option('--wait', 'show the progress until it is drained')
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option(
      '--floor <n>',
      'nodes of its role that must stay for new calls; 0 = none (default: CARNA_DRAIN_FLOOR, 1)',
      wholeUpTo(100_000),
    )
    .option(
      '--headroom <percent>',
      'room that must stay beyond the calls of now (default: CARNA_DRAIN_HEADROOM_PERCENT, 25)',
      wholeUpTo(1_000),
    )
    .option('--force', 'also when floor or headroom refuse it; says what they found')
    .option('--json', 'one JSON object, with --wait one per step; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Safe to repeat: a second drain changes reason, deadline or --now. Undo: carna undrain NODE.
A drained node keeps its server until its task is stopped; calls that outlive the deadline are cut then.
--host drains the nodes whose SIP address or (with CARNA_MARATHON) whose task is on that host: all or none.
Refused, with numbers, when too few nodes of its role or too little room for the calls of now would stay.
Exit code 1 when there is no such node, the answer was no or Ctrl-C, or (--wait) it was left, taken back, is
overdue, or the deadline passed with calls on it; 4 when it was refused: nothing is changed then, or taken back when
somebody else drains nodes in the same moment; 3 when it could not be taken back: who drains on is said.
Examples:
  carna drain media-1 --why "kernel update" --wait
  carna drain media-1 --deadline 30m --yes
  carna drain media-1 --floor 2 --headroom 50
  carna drain --host 10.0.3.14 --why "new disk" --wait`,
    )
    .action(async (node: string | undefined, options: Options) => {
      const target = oneTarget(node, options.host);
      context.exitCode = await withOperatorData(context, (data, config) => {
        const limits = {
          floor: options.floor ?? config.drainFloor,
          headroomPercent: options.headroom ?? config.drainHeadroomPercent,
        };
        if (target.kind === 'host') {
          return drainHost(context, data, config, target.host, options, limits);
        }
        return drainCommand(context, data, target.nodeId, options, limits);
      });
    });
}

async function drainCommand(
  context: Context,
  data: OperatorData,
  node: string,
  options: Options,
  limits: DrainLimits,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const nodeId = nodeIdMeant(node, topology.nodes.keys());
  const record = topology.nodes.get(nodeId)?.record;
  if (record === undefined) {
    printUnknownNode(context, nodeId, topology.nodes.keys());
    return EXIT.no;
  }
  const present = topology.intents.get(nodeId);
  if (present !== undefined && !changesIntent(options)) {
    sayAlready(context, present, options);
  } else {
    const code = await askDrain(context, data, topology, record, { ...options, limits });
    if (code !== EXIT.done) return code;
  }
  return options.wait === true
    ? waitForDrain(context, data, nodeId, options.json === true)
    : EXIT.done;
}

async function askDrain(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
  record: NodeRecord,
  options: Options & { readonly limits: DrainLimits },
): Promise<ExitCode> {
  const { nodeId } = record;
  const { limits } = options;
  const present = topology.intents.get(nodeId);
  const outlook = await lookBeforeDrain(data, topology, record, limits);
  const { check } = outlook;
  const isForced = options.force === true;
  // Who drains already has been let go: a new deadline takes nothing more away.
  if (present === undefined && check.kind === 'refused' && !isForced) {
    return refuse(context, record, [check], options);
  }
  if (!(await isDrainAgreed(context, record, outlook, present, options))) {
    context.printError('nothing was changed');
    return EXIT.no;
  }
  const before = await readFresh(data);
  // Made after the answer: a deadline does not run while somebody thinks.
  const fresh = newIntent(context, nodeId, options, { want: 'drain' });
  const how = { before, fresh: [fresh], limits, isForced, isJudged: options.yes === true };
  const asked = await askDrains(context, data, how, async () => [
    await data.changeIntent(nodeId, changeTo(context, options, fresh)),
  ]);
  if (asked.kind === 'withdrawn') {
    return refuse(context, record, asked.checks, options, asked.stands);
  }
  if (asked.kind === 'left') return EXIT.no;
  for (const intent of asked.intents) {
    const isOurs = isSameIntent(intent, fresh);
    if (isOurs || changesIntent(options)) sayAsked(context, intent, isOurs ? check : null, options);
    else sayAlready(context, intent, options);
  }
  return asked.isLeft && options.wait === true ? EXIT.no : EXIT.done;
}

function refuse(
  context: Context,
  record: NodeRecord,
  checks: readonly DrainCheck[],
  options: Options,
  stands?: TakenBack,
): ExitCode {
  const { nodeId } = record;
  if (options.json === true) {
    const [check] = checks;
    const found = check === undefined ? null : drainCheckJson(check, false);
    const [intent = null] = stands?.failed ?? [];
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did: 'refused', intent, check: found }));
  }
  return printRefusals(context, checks, `carna drain ${nodeId} --force`, stands);
}

function isDrainAgreed(
  context: Context,
  record: NodeRecord,
  outlook: DrainOutlook,
  present: IntentRecord | undefined,
  options: Options,
): Promise<boolean> {
  return isAgreed(context, {
    verb: 'drain',
    warning: () => {
      const { calls, check } = outlook;
      const intent = newIntent(context, record.nodeId, options, present ?? { want: 'drain' });
      const rest = present === undefined ? outlookLines(check, options.force === true) : [];
      return [...drainWarning(record, intent, calls, context.clock.wallMs()), ...rest];
    },
    question: `Drain ${record.nodeId}? [y/N] `,
    isYes: options.yes === true,
    isJson: options.json === true,
  });
}

function sayAsked(
  context: Context,
  intent: IntentRecord,
  check: DrainCheck | null,
  options: Options,
): void {
  const { nodeId } = intent;
  if (options.json === true) {
    const found = check === null ? null : drainCheckJson(check, options.force === true);
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did: 'asked', intent, check: found }));
  } else {
    const how = options.wait === true ? '' : ` Progress: carna drain ${nodeId} --wait.`;
    context.print(`${nodeId}: drain asked.${how} Undo: carna undrain ${nodeId}`);
  }
}

function sayAlready(context: Context, intent: IntentRecord, options: Options): void {
  if (options.json === true) {
    const { nodeId } = intent;
    context.print(
      jsonLine({ schema: JSON_SCHEMA, nodeId, did: 'already-draining', intent, check: null }),
    );
    return;
  }
  context.print(alreadyText(intent, context.clock.wallMs()));
}
