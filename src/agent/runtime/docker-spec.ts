import type { SharedPaths } from './docker-mounts.js';
import { deriveMounts } from './docker-mounts.js';
import type {
  ContainerFacts,
  ContainerSummary,
  CreateBody,
  EngineInfo,
  Labels,
} from './docker-port.js';

/** What the server's container shall be; nothing in here is read from the world. */
export interface DockerServer extends SharedPaths {
  readonly image: string;
  /** Null = the image's own. */
  readonly command: readonly string[] | null;
  /** The whole environment beside the image's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly kind: string;
  readonly nodeId: string;
  /** Empty outside Mesos. */
  readonly taskId: string;
  /** Empty outside Marathon. */
  readonly appId: string;
  /** For an engine under whose control groups the server cannot be placed; null = none. */
  readonly limits: { readonly memoryBytes: number | null; readonly cpus: number | null };
  /** Further labels. */
  readonly labels: Labels;
}

/** Where the server's container is placed. */
export interface Placement {
  /** The agent's own container; null when the agent runs in none. */
  readonly own: ContainerFacts | null;
  /** The own control group; null where it is hidden or the engine's driver takes no path. */
  readonly cgroupParent: string | null;
  /** Whether the engine itself removes the container when it ends. */
  readonly isAutoRemoved: boolean;
}

export const LABEL = {
  task: 'carna.task',
  app: 'carna.app',
  node: 'carna.node',
  kind: 'carna.kind',
  instance: 'carna.instance',
  owner: 'carna.owner',
} as const;

/** Mesos removes containers named mesos-..., so ours never are. Docker's names take less than ids do. */
export function containerName(kind: string, instanceId: string): string {
  return `carna-${kind}-${instanceId.slice(0, 12).replace(/[^\w.-]/g, '_')}`;
}

/**
 * The create request of the server's container. It is bound to the agent's own: with its PID namespace the kernel
 * ends the server when the agent's container ends, and with its control group the task's limits count for both. An
 * agent in no container gives the host's network and nothing else. Pure. Throws like `deriveMounts`.
 */
export function deriveCreateBody(
  server: DockerServer,
  { own, cgroupParent, isAutoRemoved }: Placement,
  instanceId: string,
): CreateBody {
  const bound = own === null ? null : `container:${own.id}`;
  return {
    Image: server.image,
    ...(server.command === null ? {} : { Cmd: server.command }),
    Env: Object.entries(server.env).map(([name, value]) => `${name}=${value}`),
    Labels: {
      ...server.labels,
      [LABEL.task]: server.taskId,
      [LABEL.app]: server.appId,
      [LABEL.node]: server.nodeId,
      [LABEL.kind]: server.kind,
      [LABEL.instance]: instanceId,
      [LABEL.owner]: own?.id ?? '',
    },
    HostConfig: {
      NetworkMode: bound === null || own?.networkMode === 'host' ? 'host' : bound,
      ...(bound === null ? {} : { PidMode: bound }),
      ...(cgroupParent === null ? limitsOf(server) : { CgroupParent: cgroupParent }),
      RestartPolicy: { Name: 'no' },
      AutoRemove: isAutoRemoved,
      Init: false,
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      Mounts: deriveMounts(own, server),
    },
  };
}

/**
 * Before version 25 an engine that lets containers live while it restarts kills those that it shall remove by itself:
 * there we remove them. Pure.
 */
export function canAutoRemove({ isLiveRestore, majorVersion }: EngineInfo): boolean {
  return !isLiveRestore || majorVersion >= 25;
}

function limitsOf({ limits }: DockerServer): { Memory?: number; NanoCpus?: number } {
  return {
    ...(limits.memoryBytes === null ? {} : { Memory: limits.memoryBytes }),
    ...(limits.cpus === null ? {} : { NanoCpus: Math.round(limits.cpus * 1e9) }),
  };
}

/** Whether Carna made it. Nothing else is ever touched. */
export function isOurs(container: Pick<ContainerSummary, 'labels'>): boolean {
  return [LABEL.task, LABEL.node, LABEL.instance].every((name) => name in container.labels);
}
