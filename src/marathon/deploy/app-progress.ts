import type { NodeRecord, Role } from '../../topology/node.js';
import type { MarathonApp, QueueItem } from '../client/answers.js';

/** An app that a deploy brings somewhere. */
export interface WatchedApp {
  readonly appId: string;
  /** Null: its tasks are no SIP nodes. */
  readonly role: Role | null;
  /** Tasks that must be gone in the end, by their whole ids. */
  readonly oldTaskIds: readonly string[];
  /** The app itself is removed. */
  readonly isRemoved: boolean;
}

/** How far an app is. */
export interface AppProgress {
  readonly appId: string;
  readonly role: Role | null;
  /** Instances that Marathon shall run. */
  readonly wanted: number;
  /** New tasks, or all where none is replaced, that run. */
  readonly running: number;
  /** Of these: nodes that are up by their agents' word. Null where tasks are no nodes. */
  readonly up: number | null;
  /** Of these: listed on every Kamailio that sends them calls. Null where tasks are no nodes. */
  readonly listed: number | null;
  /** Old tasks that are still there. */
  readonly oldLeft: number;
  /** Why the rest has no place yet; null while nothing waits for an offer. */
  readonly waiting: QueueItem | null;
  readonly isDone: boolean;
}

/** What the registry knows of a node. */
export interface SeenNode {
  readonly record: NodeRecord;
  readonly isListed: boolean;
}

/** How far an app is, from one look at Marathon and the registry; `app` undefined = Marathon has none. Pure. */
export function deriveAppProgress(
  watched: WatchedApp,
  app: MarathonApp | undefined,
  queue: readonly QueueItem[],
  nodes: readonly SeenNode[],
): AppProgress {
  const { appId, role, oldTaskIds } = watched;
  const tasks = app?.tasks ?? [];
  const oldLeft = tasks.filter(({ id }) => oldTaskIds.includes(id)).length;
  const running = tasks.filter(
    ({ id, state }) => state === 'TASK_RUNNING' && !oldTaskIds.includes(id),
  );
  const wanted = watched.isRemoved ? 0 : (app?.instances ?? 0);
  const up = nodes.filter(
    ({ record }) => record.state === 'up' && running.some(({ id }) => id === taskIdOf(record)),
  );
  const listed = up.filter(({ isListed }) => isListed).length;
  const isThere = watched.isRemoved ? app === undefined : app !== undefined;
  const reached = role === null ? running.length : listed;
  return {
    appId,
    role,
    wanted,
    running: running.length,
    up: role === null ? null : up.length,
    listed: role === null ? null : listed,
    oldLeft,
    waiting: queue.find((item) => item.id === appId && item.missing > 0) ?? null,
    isDone: isThere && oldLeft === 0 && running.length === wanted && reached === wanted,
  };
}

/** Why nothing fits, in Marathon's words with numbers: "InsufficientCpus (3 of 4 offers)"; null when it did not say. Pure. */
export function whyWaiting({ rejects, delayS }: QueueItem): string | null {
  const reasons = rejects
    .filter(({ declined }) => declined > 0)
    .sort((a, b) => b.declined - a.declined)
    .map(({ reason, declined, processed }) => `${reason} (${declined} of ${processed} offers)`);
  if (reasons.length > 0) return `no offer fits: ${reasons.join(', ')}`;
  return delayS > 0 ? `failed before, tried again in ${Math.ceil(delayS)} s` : null;
}

/** The task in which a node runs; null outside of Marathon. */
export function taskIdOf({ marathon }: NodeRecord): string | null {
  return marathon?.taskId ?? null;
}
