import type { NodeRecord } from './node.js';
import type { AppName, TasksInput } from './tasks.js';
import { isEnded } from './tasks.js';
import type { NodesInput } from './view.js';

/** What stands on one machine. */
export interface HostNodes {
  /** By nodeId as the registry gives them. */
  readonly nodes: readonly NodeRecord[];
  /** Tasks of ours there that have no node: reconcilers, and what has only begun. */
  readonly others: readonly { readonly taskId: string; readonly name: AppName }[];
}

/**
 * The nodes of a host: by their SIP address, and, where the scheduler told its tasks, by the host of their
 * task; whoever stands on a host with one of those belongs to it too, also under another address. Pure.
 */
export function findOnHost(nodes: NodesInput, tasks: TasksInput | null, host: string): HostNodes {
  const wanted = plain(host);
  const live = (tasks?.apps ?? []).flatMap(({ name, tasks: own }) =>
    own
      .filter(({ state }) => !isEnded(state))
      .map((task) => ({ taskId: task.taskId, name, host: plain(task.host) })),
  );
  const hostOf = new Map(live.map((task) => [task.taskId, task.host]));
  const records = [...nodes.values()].map(({ record }) => record);
  const taskHost = ({ marathon }: NodeRecord): string | undefined =>
    marathon === null ? undefined : hostOf.get(marathon.taskId);
  const byAddress = records.filter(({ sip }) => sip.some((one) => plain(one.host) === wanted));
  const hosts = new Set([wanted, ...byAddress.flatMap((record) => taskHost(record) ?? [])]);
  const found = records.filter(
    (record) => byAddress.includes(record) || hosts.has(taskHost(record) ?? ''),
  );
  const published = new Set(records.flatMap(({ marathon }) => marathon?.taskId ?? []));
  const others = live
    .filter((task) => hosts.has(task.host) && !published.has(task.taskId))
    .map(({ taskId, name }) => ({ taskId, name }));
  return { nodes: found, others };
}

/** Names of hosts know no case; an IPv6 address may stand in brackets. */
function plain(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}
