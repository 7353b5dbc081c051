import type { Command } from 'commander';
import type { CliConfig } from '../../config/cli.js';
import { deriveTopologyView } from '../../topology/view.js';
import type { NodeView, TopologyView } from '../../topology/view.js';
import type { DispatcherRow } from '../../topology/dispatcher-row.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { CarnaError } from '../../util/errors.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { readLoads } from '../load-reader.js';
import { orLastKnown } from '../last-known.js';
import { printLastKnown } from '../render/last-known-text.js';
import type { OperatorData, TopologyData } from '../operator-data.js';
import { untilInterrupted } from '../process-like.js';
import { headline } from '../render/headline.js';
import { remoteLines } from '../render/remote-text.js';
import { stateMark } from '../render/state-mark.js';
import { problemLines, story, topologyTree } from '../render/topology-text.js';
import type { Loads } from '../render/topology-text.js';
import { formatTime } from '../render/units.js';
import { openScreen } from '../screen.js';
import { Doorbell } from '../../util/doorbell.js';

/** Ages on the screen, loads and rows are renewed this often although nothing rings. */
const REFRESH_MS = 2_000;

interface Options {
  readonly watch?: true;
  readonly json?: true;
}

/** `carna topology`. */
export function registerTopology(program: Command, context: Context): void {
  program
    .command('topology')
    .description('what runs, how it is, and what is wrong')
    .option('--watch', 'go on showing it; in a pipe one line per change')
    .option('--json', 'one JSON object (with --watch one a change); src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Exit code 3 when ZooKeeper is away and the last known value, or at least the last table, is shown.
Examples:
  carna topology --watch
  carna topology --json | jq '.problems[].text'`,
    )
    .action(async (options: Options) => {
      await withOperatorData(context, async (data, config) => {
        if (options.watch === true) return watch(context, data, config, options);
        const work = async (): Promise<void> => {
          const picture = await look(context, data, await data.readTopology());
          context.print(
            ...(options.json === true
              ? [asJson(picture, config)]
              : asText(context, picture, config)),
          );
          context.exitCode = picture.topology.isFresh ? EXIT.done : EXIT.away;
        };
        if (options.json === true) return work();
        await orLastKnown(data, work, (last, failure) => {
          printLastKnown(context, last, failure);
          context.exitCode = EXIT.away;
        });
      });
    });
}

/** Everything of one moment. */
interface Picture {
  readonly topology: TopologyData;
  readonly view: TopologyView;
  readonly loads: Loads;
  readonly tableError: string | null;
}

async function look(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
): Promise<Picture> {
  const [table, loads] = await Promise.all([readTable(data), readLoads(data, topology.nodes)]);
  const view = deriveTopologyView({
    ...topology,
    rows: table.rows,
    wiring: DEFAULT_WIRING,
    nowMs: context.clock.wallMs(),
  });
  return { topology, view, loads, tableError: table.error };
}

/** The tree does not depend on PostgreSQL: without it silent nodes are not seen, and it says so. */
async function readTable(
  data: OperatorData,
): Promise<{ readonly rows: readonly DispatcherRow[] | null; readonly error: string | null }> {
  try {
    return { rows: await data.readTable(), error: null };
  } catch (err) {
    if (err instanceof CarnaError) return { rows: null, error: err.message };
    throw err;
  }
}

function asJson({ topology, view, loads, tableError }: Picture, config: CliConfig): string {
  const { cluster, dc } = config;
  const { asOfMs, isFresh, leader } = topology;
  const where = { schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh, leader } as const;
  return jsonLine({ ...where, ...view, loads: Object.fromEntries(loads), tableError });
}

function asText(context: Context, picture: Picture, config: CliConfig): string[] {
  const { topology, view, loads, tableError } = picture;
  const { paint } = context;
  const canvas = { paint, width: context.width(), nowMs: context.clock.wallMs(), loads };
  const remotes = remoteLines(view.remotes, paint, canvas.nowMs, canvas.width);
  const notes =
    tableError === null ? [] : ['', paint.warn(`silent nodes are not shown: ${tableError}`)];
  return [
    ...headline(config, topology, view, paint, canvas.nowMs, canvas.width),
    '',
    ...topologyTree(view, DEFAULT_WIRING, canvas),
    '',
    ...(remotes.length === 0 ? [] : [...remotes, '']),
    ...problemLines(view, canvas),
    ...notes,
  ];
}

async function watch(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  options: Options,
): Promise<void> {
  const screen = context.isTty && options.json !== true ? openScreen(context) : null;
  let latest: TopologyData | null = null;
  let shown: Picture | null = null;
  const bell = new Doorbell();
  const draw = async (topology: TopologyData): Promise<void> => {
    const picture = await look(context, data, topology);
    if (screen !== null) {
      screen.draw([...asText(context, picture, config), '', context.paint.dim('Ctrl-C ends')]);
    } else if (options.json === true) {
      if (shown === null || topology !== shown.topology) context.print(asJson(picture, config));
    } else {
      context.print(
        ...(shown === null
          ? asText(context, picture, config)
          : differences(context, shown, picture)),
      );
    }
    shown = picture;
  };
  try {
    await untilInterrupted(context.proc, async (stop) => {
      // The watch ends the loop when it fails, the loop's end ends the watch.
      const own = new AbortController();
      const end = (): void => own.abort();
      stop.addEventListener('abort', end);
      if (stop.aborted) end();
      const watching = data
        .watchTopology((topology) => {
          latest = topology;
          bell.ring();
        }, own.signal)
        .finally(end);
      const drawing = (async () => {
        while (!own.signal.aborted) {
          await bell.wait(REFRESH_MS, own.signal);
          if (latest !== null && !own.signal.aborted) await draw(latest);
        }
      })().finally(end);
      try {
        await Promise.all([watching, drawing]);
      } finally {
        stop.removeEventListener('abort', end);
        await Promise.allSettled([watching, drawing]);
      }
    });
  } finally {
    screen?.close();
  }
}

/** One line per change between two pictures, for pipes. */
function differences(context: Context, before: Picture, after: Picture): string[] {
  const { paint } = context;
  const time = formatTime(context.clock.wallMs(), context.timeZone);
  const lines: string[] = [];
  if (before.topology.isFresh !== after.topology.isFresh) {
    lines.push(
      after.topology.isFresh ? 'ZooKeeper is back' : 'ZooKeeper is away: what follows is stale',
    );
  }
  const [old, now] = [nodesOf(before), nodesOf(after)];
  for (const [nodeId, node] of now) {
    const was = old.get(nodeId)?.state;
    if (was === node.state) continue;
    const from = was === undefined ? '' : `${stateMark(was, paint)} → `;
    lines.push(
      `${nodeId}  ${from}${stateMark(node.state, paint)}  ${story(node, context.clock.wallMs())}`.trimEnd(),
    );
  }
  for (const nodeId of old.keys()) if (!now.has(nodeId)) lines.push(`${nodeId}  gone`);
  const [a, b] = [before.view, after.view];
  const moved = a.generation?.generation !== b.generation?.generation;
  if (b.generation !== null && (moved || a.proven !== b.proven || a.consumers !== b.consumers)) {
    lines.push(
      `generation ${b.generation.generation}, proven on ${b.proven} of ${b.consumers} Kamailios`,
    );
  }
  return lines.map((line) => `${time}  ${line}`);
}

function nodesOf(picture: Picture): Map<string, NodeView> {
  const nodes = picture.view.roles.flatMap((role) => role.nodes);
  return new Map(nodes.map((node) => [node.nodeId, node]));
}
