import type { CliConfig } from '../config/cli.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { TopologyView } from '../topology/view.js';
import { deriveTopologyView } from '../topology/view.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import { CarnaError } from '../util/errors.js';
import type { Context } from './context.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import { readLoads } from './load-reader.js';
import type { TasksAnswer } from './marathon-tasks.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { printable } from './render/colour.js';
import { wrapText } from './render/explain-text.js';
import { headline } from './render/headline.js';
import { remoteLines } from './render/remote-text.js';
import { tasksLines } from './render/tasks-text.js';
import type { Loads } from './render/topology-text.js';
import { problemLines, topologyTree } from './render/topology-text.js';

/** Everything of one moment. */
export interface Picture {
  readonly topology: TopologyData;
  readonly view: TopologyView;
  readonly loads: Loads;
  /** Why the table, and Marathon's tasks, are not in the view; null when they are, or nobody asked. */
  readonly tableError: string | null;
  readonly marathonError: string | null;
}

/** Reads what belongs to a reading of the registry. `askTasks` never rejects with a CarnaError. */
export async function takePicture(
  context: Pick<Context, 'clock'>,
  data: OperatorData,
  topology: TopologyData,
  askTasks: () => Promise<TasksAnswer>,
): Promise<Picture> {
  const [table, loads, answer] = await Promise.all([
    readTable(data),
    readLoads(data, topology.nodes),
    askTasks(),
  ]);
  const view = deriveTopologyView({
    ...topology,
    rows: table.rows,
    wiring: DEFAULT_WIRING,
    tasks: answer.kind === 'read' ? answer.tasks : null,
    nowMs: context.clock.wallMs(),
  });
  const marathonError = answer.kind === 'failed' ? answer.error : null;
  return { topology, view, loads, tableError: table.error, marathonError };
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

/** The picture as `--json` prints it. */
export function pictureJson(picture: Picture, { cluster, dc }: CliConfig): string {
  const { topology, view, loads, tableError, marathonError } = picture;
  const { asOfMs, isFresh, leader } = topology;
  const where = { schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh, leader } as const;
  const errors = { tableError, marathonError };
  return jsonLine({ ...where, ...view, loads: Object.fromEntries(loads), ...errors });
}

/** The picture for people. */
export function pictureText(context: Context, picture: Picture, config: CliConfig): string[] {
  const { topology, view, loads } = picture;
  const { paint } = context;
  const canvas = { paint, width: context.width(), nowMs: context.clock.wallMs(), loads };
  const remotes = remoteLines(view.remotes, paint, canvas.nowMs, canvas.width);
  const tasks = view.tasks === null ? [] : tasksLines(view.tasks, canvas);
  return [
    ...headline(config, topology, view, paint, canvas.nowMs, canvas.width),
    '',
    ...topologyTree(view, DEFAULT_WIRING, canvas),
    '',
    ...(remotes.length === 0 ? [] : [...remotes, '']),
    ...(tasks.length === 0 ? [] : [...tasks, '']),
    ...problemLines(view, canvas),
    ...missingTexts(picture).flatMap((text) => [
      '',
      ...wrapText(printable(text), canvas.width, '  ').map(paint.warn),
    ]),
  ];
}

function missingTexts({ tableError, marathonError }: Picture): string[] {
  return [
    ...(tableError === null ? [] : [`silent nodes are not shown: ${tableError}`]),
    ...(marathonError === null ? [] : [`tasks and deployments are not shown: ${marathonError}`]),
  ];
}
