import type { Logger } from 'pino';
import type { ProbeResult } from '../../../src/agent/checks/probe.js';
import type { AgentView, Publication } from '../../../src/agent/ports.js';
import type {
  RunningServer,
  ServerExit,
  ServerRuntime,
  StopSteps,
} from '../../../src/agent/runtime/runtime.js';
import { describeExit } from '../../../src/agent/runtime/runtime.js';
import type { ServerControl, WorkLeft } from '../../../src/agent/servers/server.js';
import type { AppliedRecord, GenerationRecord, IntentRecord } from '../../../src/topology/node.js';
import { ServerStartError, ServerUnavailableError } from '../../../src/util/errors.js';

const nothing = (): void => undefined;

/** Takes every message and keeps none. */
export const silentLog = {
  info: nothing,
  warn: nothing,
  error: nothing,
  debug: nothing,
  child: () => silentLog,
} as unknown as Logger;

/** `encode` throws for a record that could not be written. */
export class FakePublication<T> implements Publication<T> {
  readonly history: (T | null)[] = [];
  readonly #encode: (record: T) => unknown;

  constructor(encode: (record: T) => unknown = nothing) {
    this.#encode = encode;
  }

  get current(): T | null {
    return this.history.at(-1) ?? null;
  }

  set(record: T | null): void {
    if (record !== null) this.#encode(record);
    this.history.push(record);
  }

  settled(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

export class FakeView implements AgentView {
  record: GenerationRecord | null = null;
  will: IntentRecord | null = null;
  acks = new Map<string, AppliedRecord>();
  isWatching = false;
  /** Whether the acknowledgements were read since they are followed. */
  isRead = true;
  readonly #listeners = new Set<() => void>();

  generation(): GenerationRecord | null {
    return this.record;
  }
  intent(): IntentRecord | null {
    return this.will;
  }
  applied(): ReadonlyMap<string, AppliedRecord> | null {
    return this.isWatching && this.isRead ? this.acks : null;
  }
  fresh = true;
  isFresh(): boolean {
    return this.fresh;
  }
  watchApplied(): void {
    this.isWatching = true;
  }
  unwatchApplied(): void {
    this.isWatching = false;
  }
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  setGeneration(
    generation: number,
    sets: Record<string, string> = {},
    traceIds: readonly string[] = [],
  ): void {
    this.record = {
      schema: 1,
      generation,
      epoch: 1,
      sets,
      traces: traceIds.map((id) => ({ id, generation })),
      committedAtMs: 0,
    };
    this.changed();
  }

  acknowledge(
    nodeId: string,
    role: AppliedRecord['role'],
    generation: number,
    more: Pick<Partial<AppliedRecord>, 'drift' | 'unlisted'> = {},
  ): void {
    const record = { schema: 1, nodeId, role, generation, sets: {}, provenAtMs: 0, drift: null };
    this.acks.set(nodeId, { ...record, ...more } as AppliedRecord);
    this.changed();
  }

  want(intent: Partial<IntentRecord> | null): void {
    const base = { schema: 1, nodeId: 'm1', want: 'drain', by: 'ann', why: 'upgrade', since: 0 };
    this.will =
      intent === null ? null : ({ ...base, deadline: null, now: false, ...intent } as IntentRecord);
    this.changed();
  }
}

/** A server whose process, checks and calls a test holds in its hands. */
export class FakeServer implements ServerControl, RunningServer {
  readonly name = 'fake';
  readonly instanceId: string;
  isAdopted = false;
  readonly note = null;
  pid: number;
  result: ProbeResult = { kind: 'ok', latencyMs: 1, note: null, lifeId: null };
  left: WorkLeft | null = { count: 0, text: '0 calls' };
  refusing = false;
  readonly isRefusing = (): boolean => this.refusing;
  /** Asked to refuse, whatever came of it. */
  asked = false;
  readonly mayRefuse = (): boolean => this.asked || this.refusing;
  canRefuse = true;
  isClosed = false;
  probes = 0;
  stopped: StopSteps | null = null;
  gracefulMs = 0;
  ring: () => void = nothing;
  readonly exited: Promise<ServerExit>;
  readonly cleared: Promise<void>;
  exit: (code: number | null, signal: string | null) => void = nothing;

  constructor(pid: number, instanceId = `instance-${pid}`) {
    this.pid = pid;
    this.instanceId = instanceId;
    this.exited = new Promise((resolve) => {
      this.exit = (code, signal) =>
        resolve({ cause: describeExit(code, signal), code, signal, noticedAtMs: 1 });
    });
    this.cleared = this.exited.then(nothing);
  }

  probe = (): Promise<ProbeResult> => {
    this.probes += 1;
    return Promise.resolve(this.result);
  };
  refuseNewWork(): Promise<void> {
    this.asked = true;
    if (!this.canRefuse) return Promise.reject(new ServerUnavailableError('no'));
    this.refusing = true;
    return Promise.resolve();
  }
  acceptNewWork(): Promise<void> {
    this.refusing = false;
    this.asked = false;
    return Promise.resolve();
  }
  countLeft(): Promise<WorkLeft> {
    if (this.left === null) return Promise.reject(new ServerUnavailableError('no'));
    return Promise.resolve(this.left);
  }
  shutDown(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
  stop(steps: StopSteps): Promise<ServerExit> {
    this.stopped = steps;
    this.exit(0, null);
    return this.exited;
  }
}

export class FakeRuntime implements ServerRuntime {
  readonly servers: FakeServer[] = [];
  canStart = true;
  /** Prepares each server before it is handed out. */
  prepare: (server: FakeServer) => void = nothing;

  get server(): FakeServer {
    const last = this.servers.at(-1);
    if (last === undefined) throw new Error('no server was started');
    return last;
  }

  isObserver = false;
  /** So often `adopt` cannot tell. */
  adoptFails = 0;
  /** The server that `adopt` finds. */
  running: FakeServer | null = null;

  adopt(): Promise<RunningServer | null> {
    if (this.adoptFails-- > 0) return Promise.reject(new ServerStartError('no engine'));
    if (this.running !== null) this.servers.push(this.running);
    return Promise.resolve(this.running);
  }
  start(instanceId: string): Promise<RunningServer> {
    if (!this.canStart) return Promise.reject(new ServerStartError('no such file'));
    const server = new FakeServer(100 + this.servers.length, instanceId);
    this.prepare(server);
    this.servers.push(server);
    return Promise.resolve(server);
  }
}
