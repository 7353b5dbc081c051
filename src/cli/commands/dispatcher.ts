import type { Command } from 'commander';
import { deriveDispatcherView } from '../../topology/drift.js';
import { deriveRemotes } from '../../topology/remote-view.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { parseCount } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { orLastKnown } from '../last-known.js';
import { printLastKnown } from '../render/last-known-text.js';
import type { CliConfig } from '../../config/cli.js';
import { readLiveLists } from '../live-lists.js';
import type { OperatorData } from '../operator-data.js';
import { dispatcherText } from '../render/dispatcher-text.js';
import { remoteLines } from '../render/remote-text.js';
import { ageSegment } from '../render/headline.js';

interface Options {
  readonly set?: number;
  readonly json?: true;
}

/** `carna dispatcher`. */
export function registerDispatcher(program: Command, context: Context): void {
  program
    .command('dispatcher')
    .description('desired rows, table and live lists of every Kamailio, side by side')
    .option('--set <setid>', 'only this destination set', parseCount('a set number'))
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Live letters: A active, I inactive (found by its own probing), T on trial, D disabled; P probed, X not.
Exit code 1 when they do not agree, or a Kamailio could not be asked; 3 when ZooKeeper is away: then the last
table is shown, with its age.
Examples:
  carna dispatcher --set 30
  carna dispatcher --json | jq .drift`,
    )
    .action(async (options: Options) => {
      await dispatcherCommand(context, options);
    });
}

async function dispatcherCommand(context: Context, options: Options): Promise<void> {
  await withOperatorData(context, async (data, config) => {
    const work = (): Promise<void> => compare(context, data, config, options);
    await orLastKnown(data, work, (last, failure) => {
      const rows = ofSet(options, last.rows);
      if (options.json === true) {
        const { cluster, dc } = config;
        const where = { schema: JSON_SCHEMA, cluster, dc, asOfMs: last.committedAtMs } as const;
        const view = deriveDispatcherView(rows, rows, [], DEFAULT_WIRING);
        context.print(jsonLine({ ...where, isFresh: false, agrees: false, ...view }));
      } else printLastKnown(context, { ...last, rows }, failure);
      context.exitCode = EXIT.away;
    });
  });
}

function ofSet<T extends { readonly setid: number }>(
  { set }: Options,
  rows: readonly T[],
): readonly T[] {
  return set === undefined ? rows : rows.filter((row) => row.setid === set);
}

async function compare(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  options: Options,
): Promise<void> {
  const [topology, table] = await Promise.all([data.readTopology(), data.readTable()]);
  const live = await readLiveLists(data, topology, options.set);
  const nowMs = context.clock.wallMs();
  const desired = data.deriveDesired(topology, table, nowMs);
  const lists = live.map((l) => ('error' in l ? l : { ...l, list: ofSet(options, l.list) }));
  const view = deriveDispatcherView(
    ofSet(options, desired),
    ofSet(options, table),
    lists,
    DEFAULT_WIRING,
  );
  const agrees = view.pending === 0 && view.drift === 0 && view.unknown === 0;
  const { cluster, dc } = config;
  const { asOfMs, isFresh } = topology;
  if (options.json === true) {
    const where = { schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh } as const;
    context.print(jsonLine({ ...where, agrees, ...view }));
  } else {
    const age = ageSegment(topology, context.paint, nowMs);
    context.print(...dispatcherText(view, age, context.paint, context.width()));
    const remotes = deriveRemotes(topology.generation, ofSet(options, table), DEFAULT_WIRING);
    const shown = remotes.filter(({ nodes }) => nodes.length > 0);
    const lines = remoteLines(shown, context.paint, nowMs, context.width());
    if (lines.length > 0) context.print('', ...lines);
  }
  context.exitCode = agrees ? EXIT.done : EXIT.no;
}
