import type { CliConfig } from '../config/cli.js';
import type { NodeView } from '../topology/view.js';
import { Doorbell } from '../util/doorbell.js';
import type { Context } from './context.js';
import type { TasksAnswer } from './marathon-tasks.js';
import { askTasks } from './marathon-tasks.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { untilInterrupted } from './process-like.js';
import { stateMark } from './render/state-mark.js';
import { taskDifferences } from './render/tasks-text.js';
import { story } from './render/topology-text.js';
import { formatTime } from './render/units.js';
import { openScreen } from './screen.js';
import type { Picture } from './topology-picture.js';
import { pictureJson, pictureText, takePicture } from './topology-picture.js';

/** Ages on the screen, loads, rows and Marathon's tasks are renewed this often although nothing rings. */
const REFRESH_MS = 2_000;

/** Shows the platform until Ctrl-C: a screen, or in a pipe one line (with `isJson` one object) per change. */
export async function watchTopology(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  isJson: boolean,
): Promise<void> {
  const screen = context.isTty && !isJson ? openScreen(context) : null;
  const show =
    screen === null
      ? pipeShower(context, config, isJson)
      : (picture: Picture): void => {
          screen.draw([
            ...pictureText(context, picture, config),
            '',
            context.paint.dim('Ctrl-C ends'),
          ]);
        };
  let latest: TopologyData | null = null;
  const bell = new Doorbell();
  try {
    await untilInterrupted(context.proc, async (stop) => {
      // The watch ends the loop when it fails, the loop's end ends the watch.
      const own = new AbortController();
      const end = (): void => own.abort();
      stop.addEventListener('abort', end);
      if (stop.aborted) end();
      const tasks = renewing(context, () => askTasks(context, config, own.signal));
      const watching = data
        .watchTopology((topology) => {
          latest = topology;
          bell.ring();
        }, own.signal)
        .finally(end);
      const drawing = (async () => {
        while (!own.signal.aborted) {
          await bell.wait(REFRESH_MS, own.signal);
          if (latest === null || own.signal.aborted) continue;
          show(await takePicture(context, data, latest, tasks));
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

/**
 * Gives what was answered last and asks again, at most every REFRESH_MS and once at a time: only the
 * first picture waits for Marathon, a change in the registry never does.
 */
function renewing(
  { clock }: Pick<Context, 'clock'>,
  ask: () => Promise<TasksAnswer>,
): () => Promise<TasksAnswer> {
  let latest: TasksAnswer | null = null;
  let pending: Promise<TasksAnswer> | null = null;
  let isBroken = false;
  let askedMs = Number.NEGATIVE_INFINITY;
  const begin = async (): Promise<TasksAnswer> => {
    latest = await ask();
    pending = null;
    return latest;
  };
  return async () => {
    if (pending === null && clock.monoMs() - askedMs >= REFRESH_MS) {
      askedMs = clock.monoMs();
      pending = begin();
      pending.catch(() => (isBroken = true)); // A bug: it shows when somebody asks again.
    }
    const known = isBroken ? null : latest;
    return known ?? (await pending) ?? { kind: 'unasked' };
  };
}

/** Whole first, then what changed. */
function pipeShower(
  context: Context,
  config: CliConfig,
  isJson: boolean,
): (picture: Picture) => void {
  let shown: Picture | null = null;
  return (picture) => {
    if (isJson) {
      if (shown === null || isOther(shown, picture)) context.print(pictureJson(picture, config));
    } else {
      context.print(
        ...(shown === null
          ? pictureText(context, picture, config)
          : differences(context, shown, picture)),
      );
    }
    shown = picture;
  };
}

function isOther(before: Picture, after: Picture): boolean {
  if (after.topology !== before.topology) return true;
  if (after.marathonError !== before.marathonError) return true;
  return JSON.stringify(after.view.tasks) !== JSON.stringify(before.view.tasks);
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
  lines.push(...taskDifferences(a, b));
  return lines.map((line) => `${time}  ${line}`);
}

function nodesOf(picture: Picture): Map<string, NodeView> {
  const nodes = picture.view.roles.flatMap((role) => role.nodes);
  return new Map(nodes.map((node) => [node.nodeId, node]));
}
