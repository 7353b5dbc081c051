import type { Command } from 'commander';
import type { IntentRecord, NodeRecord } from '../../topology/node.js';
import { deriveTopologyView } from '../../topology/view.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { HeldByGuardError, UsageError } from '../../util/errors.js';
import { parseDeadline, parseNodeId, parseText } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { waitForDrain } from '../drain-wait.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { readLoads } from '../load-reader.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { printable } from '../render/colour.js';
import { drainWarning } from '../render/drain-text.js';
import { formatAge, formatDuration } from '../render/units.js';
import { printUnknownNode } from '../render/unknown-node.js';

interface Options {
  readonly why?: string;
  readonly by?: string;
  readonly deadline?: number;
  readonly now?: true;
  readonly wait?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly json?: true;
}

/** `carna drain NODE`. */
export function registerDrain(program: Command, context: Context): void {
  program
    .command('drain')
    .description('take a node out: no new calls, the present ones end by themselves')
    .argument('<node>', 'node id', parseNodeId)
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
    .option('--force', 'also when it is the last node of its role that is up')
    .option('--json', 'one JSON object, with --wait one per step; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Safe to repeat: a second drain changes reason, deadline or --now. Undo: carna undrain NODE.
Exit code 1 when there is no such node, the answer was no, or (--wait) it was left, taken back or
is overdue; 4 when it is the last node of its role that is up.
Examples:
  carna drain media-1 --why "kernel update" --wait
  carna drain media-1 --deadline 30m --yes`,
    )
    .action(async (nodeId: string, options: Options) => {
      context.exitCode = await withOperatorData(context, (data) =>
        drainCommand(context, data, nodeId, options),
      );
    });
}

async function drainCommand(
  context: Context,
  data: OperatorData,
  nodeId: string,
  options: Options,
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const record = topology.nodes.get(nodeId)?.record;
  if (record === undefined) {
    printUnknownNode(context, nodeId, topology.nodes.keys());
    return EXIT.no;
  }
  const present = topology.intents.get(nodeId);
  if (present !== undefined && !changesIntent(options)) {
    sayAlready(context, present, options);
  } else {
    const intent = newIntent(context, nodeId, options, present);
    if (options.force !== true) refuseLastNode(topology, record, context.clock.wallMs());
    if (!(await isAgreed(context, data, topology, record, intent, options))) {
      context.printError('nothing was changed');
      return EXIT.no;
    }
    await data.writeIntent(intent);
    sayAsked(context, intent, options);
  }
  return options.wait === true
    ? waitForDrain(context, data, nodeId, options.json === true)
    : EXIT.done;
}

function changesIntent(options: Options): boolean {
  return options.now === true || options.deadline !== undefined || options.why !== undefined;
}

/** What is not said again stays as it was: `--now` alone keeps who, why and since. */
function newIntent(
  context: Context,
  nodeId: string,
  options: Options,
  present: IntentRecord | undefined,
): IntentRecord {
  const { env } = context.proc;
  const nowMs = context.clock.wallMs();
  return {
    schema: 1,
    nodeId,
    want: present?.want ?? 'drain',
    by:
      options.by ?? present?.by ?? env['SUDO_USER'] ?? env['USER'] ?? env['LOGNAME'] ?? 'somebody',
    why: options.why ?? present?.why ?? '',
    since: present?.since ?? nowMs,
    deadline:
      options.deadline === undefined ? (present?.deadline ?? null) : nowMs + options.deadline,
    now: options.now === true || present?.now === true,
  };
}

/** Throws HeldByGuardError when Kamailios consume a set of this node's role and no other node in it is up. */
function refuseLastNode(topology: TopologyData, record: NodeRecord, nowMs: number): void {
  if (record.state !== 'up' || topology.intents.has(record.nodeId)) return;
  const view = deriveTopologyView({ ...topology, rows: null, wiring: DEFAULT_WIRING, nowMs });
  const role = view.roles.find((r) => r.role === record.role);
  const set = role?.sets.find((s) => s.consumers > 0);
  if (role === undefined || set === undefined || role.counts.up > 1) return;
  throw new HeldByGuardError(
    `refused: ${record.nodeId} is the only ${record.role} that is up, set ${set.setid} would have no node for new calls\n` +
      `  next: bring another ${record.role} up first, or: carna drain ${record.nodeId} --force`,
  );
}

/** Says what it will do to calls and asks. Throws UsageError where nobody can be asked and --yes is missing. */
async function isAgreed(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
  record: NodeRecord,
  intent: IntentRecord,
  options: Options,
): Promise<boolean> {
  const canAsk = context.isTty && context.proc.stdin.isTTY === true && options.json !== true;
  if (options.yes !== true && !canAsk) {
    throw new UsageError(
      'drain asks before it acts: expected a terminal or --yes, found neither (nothing was changed)',
    );
  }
  const own = topology.nodes.get(record.nodeId);
  const loads = await readLoads(data, new Map(own === undefined ? [] : [[record.nodeId, own]]));
  const calls = loads.get(record.nodeId) ?? null;
  if (options.json !== true) {
    context.print(...drainWarning(record, intent, calls, context.clock.wallMs()));
  }
  return options.yes === true || context.confirm(`Drain ${record.nodeId}? [y/N] `);
}

function sayAsked(context: Context, intent: IntentRecord, options: Options): void {
  const { nodeId } = intent;
  if (options.json === true) {
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did: 'asked', intent }));
  } else {
    const how = options.wait === true ? '' : ` Progress: carna drain ${nodeId} --wait.`;
    context.print(`${nodeId}: drain asked.${how} Undo: carna undrain ${nodeId}`);
  }
}

function sayAlready(context: Context, intent: IntentRecord, options: Options): void {
  const { nodeId, by, why, since, deadline } = intent;
  if (options.json === true) {
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, did: 'already-draining', intent }));
    return;
  }
  const nowMs = context.clock.wallMs();
  const left = deadline === null ? '' : `, deadline in ${formatDuration(deadline - nowMs)}`;
  const reason = why === '' ? '' : `: ${why}`;
  const asked = formatAge(nowMs - since);
  context.print(
    `${nodeId}: drain was asked ${asked} by ${printable(by)}${printable(reason)}${left}. Undo: carna undrain ${nodeId}`,
  );
}
