import type { OperatorData } from '../../src/cli/operator-data.js';
import type { Definition } from '../../src/marathon/deploy/group-apps.js';
import type { NodeRecord, Role } from '../../src/topology/node.js';
import { listedTopology } from './listed-topology.js';
import { fakeData, node } from './support.js';

/** A task as this world runs it; it is a node at once. */
export interface WorldTask {
  readonly id: string;
  readonly version: number;
  state: string;
  /** What its agent says; null: it publishes nothing. */
  nodeState: NodeRecord['state'] | null;
  isListed: boolean;
  instanceId: string;
  calls: number;
}

export interface WorldApp {
  definition: Definition;
  instances: number;
  version: number;
  tasks: WorldTask[];
}

/** Marathon's versions are times. */
export const versionAt = (version: number): string =>
  new Date(Date.UTC(2024, 0, 1, 0, 0, version)).toISOString();

/** What the registry and the agents tell of the tasks that run now. */
export function dataOf(
  apps: ReadonlyMap<string, WorldApp>,
  more: Partial<OperatorData>,
): OperatorData {
  return fakeData({
    readTopology: async () => {
      const nodes = [...apps].flatMap(([id, app]) => nodesOf(id, app));
      return listedTopology(
        nodes.map(({ record }) => record),
        nodes.flatMap(({ record, isListed }) => (isListed ? [record] : [])),
      );
    },
    readAgentHealth: async (http) => {
      const task = [...apps.values()]
        .flatMap(({ tasks }) => tasks)
        .find((one) => addressOf(one) === http);
      const calls = task?.calls ?? 0;
      return { nodeId: task?.id ?? null, state: task?.nodeState ?? null, calls, drain: null };
    },
    ...more,
  });
}

function nodesOf(
  appId: string,
  app: WorldApp,
): { readonly record: NodeRecord; readonly isListed: boolean }[] {
  const env = app.definition['env'] as Readonly<Record<string, string>> | undefined;
  const role = env?.['CARNA_ROLE'] as Role | undefined;
  if (role === undefined) return [];
  return app.tasks.flatMap((task) => {
    if (task.nodeState === null) return [];
    const ip = addressOf(task).split(':')[0] ?? '';
    const marathon = { taskId: task.id, appId, appVersion: versionAt(task.version) };
    const { nodeState: state, instanceId, isListed } = task;
    return [{ isListed, record: node(role, task.id, ip, { marathon, state, instanceId }) }];
  });
}

/** Each task has an address of its own. */
function addressOf({ id }: WorldTask): string {
  const number = Number(/-(\d{12})\./.exec(id)?.[1] ?? 0);
  return `10.9.${Math.floor(number / 250)}.${(number % 250) + 1}:9090`;
}
