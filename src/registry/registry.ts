import type { Logger } from 'pino';
import {
  decodeGenerationRecord,
  encodeAppliedRecord,
  encodeGenerationRecord,
  encodeIntentRecord,
  encodeOverrideRecord,
} from '../topology/node-codec.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
  OverrideRecord,
} from '../topology/node.js';
import { DeposedError, InvalidInputError } from '../util/errors.js';
import type { ZkConnect } from './connection-options.js';
import { changeIntent } from './intents.js';
import type { IntentChange } from './intents.js';
import { runForLeader } from './leader.js';
import type { Term } from './leader.js';
import { totalOf } from './open-views.js';
import type { OpenView, ViewStats } from './open-views.js';
import { removeOverride } from './overrides.js';
import type { OverrideWord } from './overrides.js';
import { checkNodeId, dcPaths } from './paths.js';
import { createZnode, persistently, removeZnode, writeZnode } from './persistent-writes.js';
import { EphemeralPublication } from './publish.js';
import { NodePublication } from './record-publication.js';
import { ZkSession } from './session.js';
import type { ZkSessionCounters, ZkSessionState } from './session-options.js';
import { NodesView } from './nodes-view.js';
import { AgentView, DcView } from './views.js';

export interface RegistryOptions {
  readonly connectString: string;
  /** Digest user for writers; null for read-only commands and open installations. */
  readonly auth: { readonly user: string; readonly password: string } | null;
  readonly zkSessionTimeoutMs: number;
  readonly cluster: string;
  readonly dc: string;
  readonly log: Logger;
  /** How a TCP connection is begun; default: node:net. */
  readonly connect?: ZkConnect | undefined;
}

/** Keeps one record published; `null` withdraws it. */
export interface Publication<T> {
  /** Newest wish wins; no effect once closed. Throws InvalidInputError for a record that must not be published. */
  set(record: T | null): void;
  /** True when ZooKeeper holds exactly what was asked for, false when not within `timeoutMs`. */
  settled(timeoutMs: number): Promise<boolean>;
  /** Withdraws the record; at most 2 s. */
  close(): Promise<void>;
}

/** The registry of one data centre, over one zkSession. */
export interface Registry {
  readonly state: ZkSessionState;
  readonly lastFault: string | null;
  readonly zkSessionTimeoutMs: number;
  readonly counters: Readonly<ZkSessionCounters>;
  /** Of all views that are open. */
  viewStats(): ViewStats;
  onState(listener: (state: ZkSessionState) => void): () => void;
  whenConnected(timeoutMs: number): Promise<void>;
  publishNode(nodeId: string): Publication<NodeRecord>;
  publishApplied(nodeId: string): Publication<AppliedRecord>;
  /** Sets or replaces an operator's will. */
  writeIntent(record: IntentRecord): Promise<void>;
  /** Sets what `change` makes of the will that stands, and gives what stands then; see IntentChange. */
  changeIntent<T extends IntentRecord | null>(nodeId: string, change: IntentChange<T>): Promise<T>;
  /** Whatever stands, also what somebody else said just now. Fine when there is none. */
  removeIntent(nodeId: string): Promise<void>;
  /** Sets or replaces an operator's word against the guards of a set. */
  writeOverride(record: OverrideRecord): Promise<void>;
  /** Takes that very word away, none that was said after it. Fine when there is none. */
  removeOverride(word: OverrideWord): Promise<void>;
  /**
   * Replaces the generation. False when a newer generation of the same epoch stands already; throws
   * DeposedError when a higher epoch does.
   */
  writeGeneration(record: GenerationRecord): Promise<boolean>;
  watchAll(): DcView;
  watchForAgent(nodeId: string): AgentView;
  /** The nodes alone. */
  watchNodes(): NodesView;
  /** Takes part in the reconcilers' election until `stop` aborts; see leader.ts. */
  runForLeader(
    candidateId: string,
    lead: (term: Term) => Promise<void>,
    stop: AbortSignal,
  ): Promise<void>;
  /** Makes the persistent znodes; harmless when they are there. */
  initialise(): Promise<void>;
  /** Closes its views and ends the session: what was published is gone at once. Never throws, at most 1.5 s. */
  close(): Promise<void>;
}

/** Opens the registry. Throws InvalidInputError for a bad connect string or name; never because a server is away. */
export function openRegistry(options: RegistryOptions): Registry {
  const { cluster, dc, log } = options;
  const paths = dcPaths(cluster, dc);
  const session = ZkSession.open(options);
  const openViews = new Set<OpenView>();
  return {
    viewStats: () => totalOf(openViews),
    get state() {
      return session.state;
    },
    get lastFault() {
      return session.lastFault;
    },
    get zkSessionTimeoutMs() {
      return session.zkSessionTimeoutMs;
    },
    get counters() {
      return session.counters;
    },
    onState: (listener) => session.onState(listener),
    whenConnected: (timeoutMs) => session.whenConnected(timeoutMs),
    publishNode: (nodeId) => {
      const id = checkNodeId(nodeId);
      const bytes = new EphemeralPublication(session, { parentPath: paths.nodes, id, log });
      return onlyFor(id, new NodePublication(bytes));
    },
    publishApplied: (nodeId) => {
      const id = checkNodeId(nodeId);
      return onlyFor(id, publishAppliedBytes(session, paths.applied, id, log));
    },
    writeIntent: async (record) =>
      writeZnode(session, paths.intents, checkNodeId(record.nodeId), intentData(record)),
    changeIntent: async (nodeId, change) =>
      changeIntent(session, paths.intents, checkNodeId(nodeId), change),
    removeIntent: (nodeId) => removeZnode(session, `${paths.intents}/${checkNodeId(nodeId)}`),
    writeOverride: async (record) => {
      const data = Buffer.from(encodeOverrideRecord(record));
      return writeZnode(session, paths.overrides, String(record.setid), data);
    },
    removeOverride: (word) => removeOverride(session, paths.overrides, word),
    writeGeneration: (record) => writeGeneration(session, paths.generation, record),
    watchAll: () => new DcView(session, paths, { log, openViews }),
    watchForAgent: (nodeId) => {
      const restore = (record: IntentRecord): Promise<void> =>
        createZnode(session, paths.intents, record.nodeId, intentData(record));
      return new AgentView(session, paths, checkNodeId(nodeId), { log, openViews, restore });
    },
    watchNodes: () => new NodesView(session, paths, { log, openViews }),
    runForLeader: (candidateId, lead, stop) =>
      runForLeader(session, paths.leader, { candidateId, log }, lead, stop),
    initialise: async () => {
      const { nodes, intents, overrides, applied, leader } = paths;
      for (const path of [nodes, intents, overrides, applied, leader]) {
        await session.ensurePath(path);
      }
    },
    close: () => {
      for (const view of [...openViews]) view.close();
      return session.close();
    },
  };
}

function publishAppliedBytes(
  session: ZkSession,
  parentPath: string,
  id: string,
  log: Logger,
): Publication<AppliedRecord> {
  const bytes = new EphemeralPublication(session, { parentPath, id, log });
  return {
    set: (record) => bytes.set(record === null ? null : Buffer.from(encodeAppliedRecord(record))),
    settled: (timeoutMs) => bytes.settled(timeoutMs),
    close: () => bytes.close(),
  };
}

/** Readers refuse a record that speaks for another node than its znode, so it is refused here already. */
function onlyFor<T extends { readonly nodeId: string }>(
  nodeId: string,
  publication: Publication<T>,
): Publication<T> {
  return {
    set: (record) => {
      if (record !== null && record.nodeId !== nodeId) {
        throw new InvalidInputError('record', `it names ${record.nodeId}, published for ${nodeId}`);
      }
      publication.set(record);
    },
    settled: (timeoutMs) => publication.settled(timeoutMs),
    close: () => publication.close(),
  };
}

function intentData(record: IntentRecord): Buffer {
  return Buffer.from(encodeIntentRecord(record));
}

async function writeGeneration(
  session: ZkSession,
  path: string,
  record: GenerationRecord,
): Promise<boolean> {
  const data = Buffer.from(encodeGenerationRecord(record));
  return persistently(session, async () => {
    const found = await session.getData(path);
    if (found === null) {
      await session.ensurePath(path.slice(0, path.lastIndexOf('/')));
      await session.create(path, data);
      return true;
    }
    if (found.data?.equals(data) === true) return true;
    const standing = readableGeneration(found.data);
    if (standing !== null && standing.epoch > record.epoch) {
      throw new DeposedError(record.epoch, standing.epoch);
    }
    const isOlder = standing?.epoch === record.epoch && standing.generation > record.generation;
    if (isOlder) return false;
    await session.setData(path, data, found.stat.dataVersion);
    return true;
  });
}

/** Garbage in the znode gives way to any record. */
function readableGeneration(data: Buffer | null): GenerationRecord | null {
  try {
    return decodeGenerationRecord(data);
  } catch (err) {
    if (err instanceof InvalidInputError) return null;
    throw err;
  }
}
