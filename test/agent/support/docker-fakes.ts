import type { Logger } from 'pino';
import type {
  ContainerFacts,
  ContainerSummary,
  CreateBody,
  DockerEngine,
  EngineInfo,
  EngineEvent,
  ImageFacts,
  PullMessage,
} from '../../../src/agent/runtime/docker-port.js';
import { DockerAnswerError } from '../../../src/agent/runtime/docker-port.js';
import { LABEL } from '../../../src/agent/runtime/docker-spec.js';
import { ServerStartError } from '../../../src/util/errors.js';
import { FakeStream } from './fake-stream.js';

export const OWN_ID = 'a'.repeat(64);
export const SERVER_ID = 'b'.repeat(64);
export const IMAGE: ImageFacts = { id: 'sha256:1', command: ['kamailio', '-DD'] };

/** Keeps every line as text. */
export function collectingLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const take = (facts: unknown, text?: string): void => {
    const plain = JSON.stringify(facts, (_, value: unknown) =>
      value instanceof Error ? value.message : value,
    );
    lines.push(`${text ?? ''} ${plain}`);
  };
  const log = { info: take, warn: take, error: take, debug: take, child: () => log };
  return { log: log as unknown as Logger, lines };
}

export function container(more: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    id: OWN_ID,
    name: 'mesos-1',
    imageId: IMAGE.id,
    status: 'running',
    isRunning: true,
    exitCode: 0,
    isOomKilled: false,
    startedAt: '2026-01-31T23:59:59.123456789Z',
    command: IMAGE.command,
    labels: {},
    networkMode: 'host',
    pidMode: '',
    memoryBytes: 0,
    mounts: [],
    ...more,
  };
}

export function summary(more: Partial<ContainerSummary> = {}): ContainerSummary {
  return {
    id: SERVER_ID,
    name: 'carna-kamailio-1',
    status: 'running',
    labels: {
      [LABEL.task]: '',
      [LABEL.node]: 'n1',
      [LABEL.instance]: 'life-1',
      [LABEL.owner]: OWN_ID,
    },
    createdSeconds: 1,
    ...more,
  };
}

/** An engine in memory that behaves like Docker in what the runtimes use of it. */
export class FakeEngine implements DockerEngine {
  readonly socketPath = '/var/run/docker.sock';
  readonly containers = new Map<string, ContainerFacts>();
  listed: ContainerSummary[] = [];
  image: ImageFacts | null = IMAGE;
  cgroupDriver = 'cgroupfs';
  /** What was asked, but for reading. */
  readonly acts: string[] = [];
  readonly bodies: CreateBody[] = [];
  /** Rejects the call named so. */
  readonly faults = new Map<string, Error>();
  /** What happens to the container on a signal; default: nothing. */
  onKill: (signal: string) => void = () => undefined;
  onStart: () => void = () => undefined;
  onRemove: ((id: string) => void) | null = null;
  pullMessages = new FakeStream<PullMessage>();
  eventStreams: FakeStream<EngineEvent>[] = [];
  logStreams: FakeStream<Buffer>[] = [];
  logSince: number[] = [];
  attached = new FakeStream<Buffer>();

  constructor(own: ContainerFacts | null = container()) {
    if (own !== null) this.containers.set(own.id, own);
  }

  get events_(): FakeStream<EngineEvent> {
    const last = this.eventStreams.at(-1);
    if (last === undefined) throw new Error('nobody follows the events');
    return last;
  }

  get logs_(): FakeStream<Buffer> {
    const last = this.logStreams.at(-1);
    if (last === undefined) throw new Error('nobody follows the output');
    return last;
  }

  /** The container ends and is removed, as AutoRemove does. */
  die(exitCode: number | null, id = SERVER_ID): void {
    this.containers.delete(id);
    this.events_.push({ action: 'die', exitCode });
  }

  #may(call: string): void {
    const fault = this.faults.get(call);
    if (fault !== undefined) throw fault;
  }

  async ping(): Promise<void> {
    this.#may('ping');
  }
  async info(): Promise<EngineInfo> {
    this.#may('info');
    return { cgroupDriver: this.cgroupDriver, isLiveRestore: false, majorVersion: 20 };
  }
  async inspect(name: string): Promise<ContainerFacts | null> {
    this.#may('inspect');
    const found = [...this.containers.values()].find(
      (c) => c.id.startsWith(name) || c.name === name,
    );
    return found ?? null;
  }
  async inspectImage(): Promise<ImageFacts | null> {
    this.#may('inspectImage');
    return this.image;
  }
  async list(label: string): Promise<readonly ContainerSummary[]> {
    this.#may('list');
    const [name = '', value] = label.split('=');
    return this.listed.filter(({ labels }) =>
      value === undefined ? name in labels : labels[name] === value,
    );
  }
  async create(name: string, body: CreateBody): Promise<string> {
    this.acts.push(`create ${name}`);
    this.bodies.push(body);
    this.#may('create');
    if (this.image === null) {
      throw new DockerAnswerError(
        `creating container ${name}: Docker answered 404: No such image: ${body.Image}`,
        404,
      );
    }
    const made = { id: SERVER_ID, name, status: 'created', isRunning: false };
    this.containers.set(SERVER_ID, container({ ...made, command: body.Cmd ?? IMAGE.command }));
    return SERVER_ID;
  }
  async start(id: string): Promise<void> {
    this.acts.push('start');
    this.#may('start');
    const made = this.containers.get(id);
    if (made === undefined) throw new ServerStartError('no such container');
    this.containers.set(id, { ...made, status: 'running', isRunning: true });
    this.onStart();
  }
  async kill(id: string, signal: string): Promise<boolean> {
    this.acts.push(`kill ${signal}`);
    this.#may('kill');
    this.onKill(signal);
    return this.containers.has(id);
  }
  async remove(id: string): Promise<void> {
    this.acts.push(`remove ${id.slice(0, 12)}`);
    this.#may('remove');
    if (this.onRemove !== null) this.onRemove(id);
    else this.containers.delete(id);
  }
  async removeVolume(name: string): Promise<boolean> {
    this.#may('removeVolume');
    return ![...this.containers.values()].some((c) => c.mounts.some((m) => m.name === name));
  }
  async events(_: string, __: number, over: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    this.#may('events');
    const stream = new FakeStream<EngineEvent>(over);
    this.eventStreams.push(stream);
    return stream;
  }
  async logs(id: string, since: number, over: AbortSignal): Promise<AsyncIterable<Buffer>> {
    this.#may('logs');
    if (!this.containers.has(id)) throw new DockerAnswerError('no such container', 404);
    this.logSince.push(since);
    const stream = new FakeStream<Buffer>(over);
    this.logStreams.push(stream);
    return stream;
  }
  async attach(_: string, over: AbortSignal): Promise<AsyncIterable<Buffer>> {
    this.#may('attach');
    over.addEventListener('abort', () => this.attached.end());
    return this.attached;
  }
  async pull(image: string, over: AbortSignal): Promise<AsyncIterable<PullMessage>> {
    this.acts.push(`pull ${image}`);
    this.#may('pull');
    over.addEventListener('abort', () => this.pullMessages.end());
    return this.pullMessages;
  }
}
