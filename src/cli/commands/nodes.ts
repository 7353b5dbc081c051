import { Option } from 'commander';
import type { Command } from 'commander';
import { ROLES } from '../../topology/node.js';
import type { Role } from '../../topology/node.js';
import { VIEW_STATES } from '../../topology/view.js';
import type { NodeView, ViewState } from '../../topology/view.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { readNodeViews } from '../node-places.js';
import { printable } from '../render/colour.js';
import { ageSegment } from '../render/headline.js';
import { renderTable, wrapSegments } from '../render/layout.js';
import { stateGlyph, stateMark } from '../render/state-mark.js';
import { story } from '../render/topology-text.js';
import { plural } from '../render/units.js';

interface Options {
  readonly role?: Role;
  readonly state?: ViewState;
  readonly json?: true;
}

/** `carna nodes`. */
export function registerNodes(program: Command, context: Context): void {
  program
    .command('nodes')
    .description('one line per node')
    .addOption(new Option('--role <role>', 'only this role').choices([...ROLES]))
    .addOption(new Option('--state <state>', 'only this state').choices([...VIEW_STATES]))
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Exit code 1 when no node matches, 3 when ZooKeeper is away and the last known value is shown.
Examples:
  carna nodes --role media --state up
  carna nodes --json | jq -r '.nodes[].destination'`,
    )
    .action(async (options: Options) => {
      await nodesCommand(context, options);
    });
}

async function nodesCommand(context: Context, options: Options): Promise<void> {
  await withOperatorData(context, async (data, config) => {
    const { topology, nodes: all, nowMs } = await readNodeViews(context, data);
    const nodes = all
      .filter((node) => options.role === undefined || node.role === options.role)
      .filter((node) => options.state === undefined || node.state === options.state);
    const { asOfMs, isFresh } = topology;
    const { cluster, dc } = config;
    const first = [
      countText(nodes, all.length, context),
      ageSegment(topology, context.paint, nowMs),
    ];
    if (options.json === true) {
      context.print(jsonLine({ schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh, nodes }));
    } else {
      context.print(...wrapSegments(first, context.width(), ' · '), ...nodesTable(nodes, context));
    }
    context.exitCode = !isFresh ? EXIT.away : nodes.length === 0 ? EXIT.no : EXIT.done;
  });
}

function countText(nodes: readonly NodeView[], total: number, context: Context): string {
  if (nodes.length === 0)
    return total === 0
      ? 'no node has announced itself here'
      : `none of ${plural(total, 'node')} matches`;
  const states = VIEW_STATES.map((state) => ({
    state,
    count: nodes.filter((node) => node.state === state).length,
  })).filter(({ count }) => count > 0);
  const marks = states.map(
    ({ state, count }) => `${stateGlyph(state, context.paint)} ${count} ${state}`,
  );
  return `${plural(nodes.length, 'node')}: ${marks.join(', ')}`;
}

function nodesTable(nodes: readonly NodeView[], context: Context): string[] {
  if (nodes.length === 0) return [];
  const nowMs = context.clock.wallMs();
  const rows = nodes.map((node) => [
    stateMark(node.state, context.paint),
    printable(node.nodeId),
    node.role,
    node.destination,
    node.sets.join(','),
    node.weight === null ? '' : String(node.weight),
    story(node, nowMs),
  ]);
  return renderTable(
    [
      { header: 'STATE' },
      { header: 'NODE' },
      { header: 'ROLE', drop: 1 },
      { header: 'SIP' },
      { header: 'SETS', drop: 3 },
      { header: 'WEIGHT', align: 'end', drop: 4 },
      { header: 'SINCE, WHY', drop: 2 },
    ],
    rows,
    context.width(),
  );
}
