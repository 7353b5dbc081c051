import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import type { Wiring } from '../../topology/wiring.js';
import { InvalidInputError, MissingPartError, messageOf, UsageError } from '../../util/errors.js';
import { parseCount } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { PlanJson } from '../json-shapes.js';
import { jsonLine } from '../json-shapes.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { planJson } from '../plan-json.js';
import { deriveOutlook } from '../plan-outlook.js';
import { ageSegment } from '../render/headline.js';
import { planText } from '../render/plan-text.js';

interface Options {
  readonly wiring?: string;
  readonly printWiring?: true;
  readonly set?: number;
  readonly json?: true;
}

/** `carna plan`. */
export function registerPlan(program: Command, context: Context): void {
  program
    .command('plan')
    .description('what a reconcile would change now, row by row, and what the guards say')
    .option('--wiring <file>', 'as if this wiring (JSON) were in force')
    .option('--print-wiring', 'print the shipped wiring, to start from')
    .option('--set <setid>', 'only this destination set', parseCount('a set number'))
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Reads only: no credential that may write is needed, nothing is written. A reconciler that leads acts within
100 ms as a rule, so rows that stay here mean that none leads or that a guard holds them. What only the
leader knows and does not tell is named: "assumed".
Exit code 0 when nothing would change, 1 when something would, or may because the leader counts more vanished
nodes than it names, 4 when something is held back, 3 when ZooKeeper or PostgreSQL is away.
Examples:
  carna plan
  carna plan --set 30 --json | jq -r '.changes[].destination'
  carna plan --print-wiring > wiring.json && carna plan --wiring wiring.json`,
    )
    .action(async (options: Options) => {
      if (options.printWiring === true) return printWiring(context);
      const wiring = options.wiring === undefined ? null : await readWiring(options.wiring);
      context.exitCode = await withOperatorData(context, (data, config) =>
        planCommand(context, data, config, wiring, options),
      );
    });
}

/** Loads zod: not for --help. */
async function printWiring(context: Context): Promise<void> {
  const { encodeWiring } = await import('../../topology/wiring-codec.js');
  context.print(...encodeWiring(DEFAULT_WIRING));
}

/** Throws UsageError naming every fault of the file, MissingPartError when it cannot be read. */
async function readWiring(file: string): Promise<Wiring> {
  const { decodeWiring } = await import('../../topology/wiring-codec.js');
  const remedy = 'start from the shipped one: carna plan --print-wiring > wiring.json';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (err) {
    throw new MissingPartError(`the wiring ${file} cannot be read: ${messageOf(err)}`, remedy);
  }
  try {
    return decodeWiring(file, text);
  } catch (err) {
    if (!(err instanceof InvalidInputError)) throw err;
    throw new UsageError(`${err.message}\n  ${remedy}`);
  }
}

async function planCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  wiring: Wiring | null,
  options: Options,
): Promise<ExitCode> {
  const [topology, table] = await readBoth(data);
  const nowMs = context.clock.wallMs();
  const used = { wiring: wiring ?? DEFAULT_WIRING, isShipped: wiring === null };
  const outlook = deriveOutlook({ topology, table, ...used, setid: options.set ?? null, nowMs });
  const file = options.wiring ?? null;
  const plan = planJson(outlook, topology, config, { file, rules: used.wiring });
  if (options.json === true) context.print(jsonLine(plan));
  else {
    const { paint } = context;
    const age = ageSegment(topology, paint, nowMs);
    context.print(...planText(plan, { paint, width: context.width(), nowMs, age }));
  }
  return exitCodeOf(plan);
}

/** What is missing is told for both. */
async function readBoth(
  data: OperatorData,
): Promise<readonly [TopologyData, readonly DispatcherRow[]]> {
  const [topology, table] = await Promise.allSettled([data.readTopology(), data.readTable()]);
  if (topology.status === 'fulfilled' && table.status === 'fulfilled') {
    return [topology.value, table.value];
  }
  const faults = [topology, table].flatMap((one) =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  throw faults.length === 1 ? faults[0] : new AggregateError(faults);
}

function exitCodeOf({ isFresh, held, holds, passing, untold }: PlanJson): ExitCode {
  if (!isFresh) return EXIT.away;
  if (held + holds.length > 0) return EXIT.held;
  return passing + untold.length > 0 ? EXIT.no : EXIT.done;
}
