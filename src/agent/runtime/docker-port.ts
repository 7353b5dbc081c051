import { ServerStartError } from '../../util/errors.js';

/**
 * What the runtimes ask of a Docker engine. Every call has its own deadline. All of them throw
 * ServerStartError, of which DockerAnswerError says that the engine itself answered no, and
 * MissingPartError when the socket cannot be used and never could.
 */
export interface DockerEngine {
  /** For messages. */
  readonly socketPath: string;
  /** Resolves when something that speaks Docker's API answers. */
  ping(): Promise<void>;
  info(): Promise<EngineInfo>;
  /** Null when there is no such container. `name` may be an id or its beginning. */
  inspect(name: string): Promise<ContainerFacts | null>;
  /** Null when the host does not have the image. */
  inspectImage(image: string): Promise<ImageFacts | null>;
  /** Containers in any state that carry the label: "name" or "name=value". */
  list(label: string): Promise<readonly ContainerSummary[]>;
  /** Gives the id. */
  create(name: string, body: CreateBody): Promise<string>;
  start(id: string): Promise<void>;
  /** Signals the main process; false when it does not run any more. */
  kill(id: string, signal: string): Promise<boolean>;
  /** Kills and removes it with the volumes that were made for it alone; also when it is gone already. */
  remove(id: string): Promise<void>;
  /** False when a container, running or not, still uses it, or when it is gone already. */
  removeVolume(name: string): Promise<boolean>;
  /** Events of one container since `sinceSeconds` (epoch) and from now on; resolves when none can be missed any more. */
  events(id: string, sinceSeconds: number, over: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
  /** Multiplexed output since `sinceSeconds`, each frame beginning with a time stamp, followed until the container ends. */
  logs(id: string, sinceSeconds: number, over: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** Multiplexed output from now on, also of a container that was not started yet. */
  attach(id: string, over: AbortSignal): Promise<AsyncIterable<Buffer>>;
  pull(image: string, over: AbortSignal): Promise<AsyncIterable<PullMessage>>;
}

export interface EngineInfo {
  /** "cgroupfs", "systemd" or "none". */
  readonly cgroupDriver: string;
  /** Containers live on while the engine restarts. */
  readonly isLiveRestore: boolean;
  /** 0 = unknown. */
  readonly majorVersion: number;
}

export type Labels = Readonly<Record<string, string>>;

export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  /** "created", "running", "paused", "exited", "removing", "dead", "restarting". */
  readonly status: string;
  /** True also while it is paused. */
  readonly isRunning: boolean;
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  readonly startedAt: string;
  readonly command: readonly string[];
  readonly labels: Labels;
  readonly networkMode: string;
  readonly pidMode: string;
  /** 0 = no limit. */
  readonly memoryBytes: number;
  readonly mounts: readonly MountFacts[];
}

export interface MountFacts {
  /** "bind", "volume" or "tmpfs". */
  readonly type: string;
  /** Of a volume, else empty. */
  readonly name: string;
  /** Path on the host. */
  readonly source: string;
  readonly destination: string;
  readonly isReadOnly: boolean;
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly labels: Labels;
  /** Epoch seconds. */
  readonly createdSeconds: number;
}

export interface ImageFacts {
  readonly id: string;
  readonly command: readonly string[];
}

export interface EngineEvent {
  /** "die", "oom", "destroy". */
  readonly action: string;
  /** Of "die"; null when the engine did not tell. */
  readonly exitCode: number | null;
}

export interface PullMessage {
  readonly layer: string;
  readonly status: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly error: string | null;
}

/** The part of Docker's create request that Carna uses. */
export interface CreateBody {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Env: readonly string[];
  readonly Labels: Labels;
  readonly HostConfig: {
    readonly NetworkMode: string;
    readonly PidMode?: string;
    readonly CgroupParent?: string;
    readonly Memory?: number;
    readonly NanoCpus?: number;
    readonly RestartPolicy: { readonly Name: 'no' };
    readonly AutoRemove: boolean;
    readonly Init: false;
    readonly SecurityOpt: readonly string[];
    readonly LogConfig: { readonly Type: string; readonly Config: Labels };
    readonly Mounts: readonly CreateMount[];
  };
}

export interface CreateMount {
  readonly Type: 'bind' | 'volume';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
}

/** The engine answered no; `status` is its HTTP status. */
export class DockerAnswerError extends ServerStartError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
