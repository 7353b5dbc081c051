import {
  decodeAppliedRecord,
  decodeGenerationRecord,
  decodeIntentRecord,
  decodeNodeRecord,
} from '../topology/node-codec.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
} from '../topology/node.js';
import { destinationUri } from '../topology/node.js';
import { InvalidInputError } from '../util/errors.js';
import { splitIncarnation } from './paths.js';
import type { TreeEntry, TreeSnapshot } from './tree-view.js';

/** A record, and the znode that it was read from. */
export interface Published<T> {
  readonly record: T;
  readonly incarnation: string;
  /** Creation of the znode: a younger one is larger. */
  readonly czxid: bigint;
}

/** Data that was refused; a former good value of the same znode stays in use. */
export interface RefusedZnode {
  readonly path: string;
  readonly why: string;
}

export interface RecordsSnapshot<T> {
  readonly revision: number;
  readonly isFresh: boolean;
  /** Wall clock in ms; null while fresh. */
  readonly staleSinceMs: number | null;
  /** By node id; of several incarnations the youngest. */
  readonly records: ReadonlyMap<string, Published<T>>;
  readonly refused: readonly RefusedZnode[];
}

/** Two living nodes that claim one SIP address. */
export interface AddressConflict {
  readonly address: string;
  readonly nodeIds: readonly string[];
}

export interface NodesSnapshot {
  readonly revision: number;
  readonly isFresh: boolean;
  readonly staleSinceMs: number | null;
  readonly nodes: ReadonlyMap<string, Published<NodeRecord>>;
  readonly refused: readonly RefusedZnode[];
  readonly conflicts: readonly AddressConflict[];
}

interface Decoded<T> {
  readonly entry: TreeEntry;
  readonly record: T | null;
  readonly fault: string | null;
}

type NodeRecordLike = { readonly nodeId: string };

/**
 * Turns the znodes below one folder of a tree snapshot into records.
 *
 * Does no I/O. It remembers what it decoded, so that only changed znodes are decoded again and a znode
 * whose data turned bad keeps its former good value for as long as it is the same znode (same czxid).
 */
export class RecordsReader<T extends NodeRecordLike> {
  readonly #folder: string;
  readonly #hasIncarnations: boolean;
  readonly #decode: (bytes: Uint8Array | null) => T;
  #decoded = new Map<string, Decoded<T>>();
  #last: RecordsSnapshot<T> | null = null;

  /** `folder` is relative to the tree's root, without slashes around it. */
  constructor(folder: string, hasIncarnations: boolean, decode: (bytes: Uint8Array | null) => T) {
    this.#folder = `${folder}/`;
    this.#hasIncarnations = hasIncarnations;
    this.#decode = decode;
  }

  read(tree: TreeSnapshot): RecordsSnapshot<T> {
    if (this.#last?.revision === tree.revision) return this.#last;
    const records = new Map<string, Published<T>>();
    const refused: RefusedZnode[] = [];
    const decoded = new Map<string, Decoded<T>>();
    for (const [path, entry] of tree.entries) {
      if (!path.startsWith(this.#folder)) continue;
      const result = this.#decodeOne(path, entry);
      decoded.set(path, result);
      if (result.fault !== null) refused.push({ path, why: result.fault });
      if (result.record !== null) this.#add(records, path, result.record, entry);
    }
    for (const [path, zkCode] of tree.unreadable) {
      if (path.startsWith(this.#folder)) refused.push({ path, why: `cannot be read: ${zkCode}` });
    }
    this.#decoded = decoded;
    const { revision, isFresh, staleSinceMs } = tree;
    this.#last = { revision, isFresh, staleSinceMs, records, refused };
    return this.#last;
  }

  #add(records: Map<string, Published<T>>, path: string, record: T, entry: TreeEntry): void {
    const former = records.get(record.nodeId);
    if (former !== undefined && former.czxid > entry.stat.czxid) return;
    const incarnation = splitIncarnation(path.slice(this.#folder.length))?.incarnation ?? '';
    records.set(record.nodeId, { record, incarnation, czxid: entry.stat.czxid });
  }

  #decodeOne(path: string, entry: TreeEntry): Decoded<T> {
    const former = this.#decoded.get(path);
    if (former?.entry === entry) return former;
    try {
      const record = this.#decode(entry.data);
      this.#checkName(path, record.nodeId);
      return { entry, record, fault: null };
    } catch (err) {
      if (!(err instanceof InvalidInputError)) throw err;
      const isSameZnode = former?.entry.stat.czxid === entry.stat.czxid;
      return { entry, record: isSameZnode ? former.record : null, fault: err.message };
    }
  }

  /** A record may speak only for the node that its znode is named after. */
  #checkName(path: string, nodeId: string): void {
    const name = path.slice(this.#folder.length);
    const named = this.#hasIncarnations ? splitIncarnation(name)?.nodeId : name;
    if (named === nodeId) return;
    throw new InvalidInputError(
      'record',
      `it names ${nodeId} but lies in a znode of ${named ?? 'nobody'}`,
    );
  }
}

/** Reads the nodes of a data centre, with their address conflicts. */
export class NodesReader {
  readonly #reader = new RecordsReader('nodes', true, decodeNodeRecord);
  #last: NodesSnapshot | null = null;

  read(tree: TreeSnapshot): NodesSnapshot {
    if (this.#last?.revision === tree.revision) return this.#last;
    const { records, ...rest } = this.#reader.read(tree);
    this.#last = { ...rest, nodes: records, conflicts: findConflicts(records) };
    return this.#last;
  }
}

export function intentsReader(): RecordsReader<IntentRecord> {
  return new RecordsReader('intents', false, decodeIntentRecord);
}

export function appliedReader(): RecordsReader<AppliedRecord> {
  return new RecordsReader('applied', true, decodeAppliedRecord);
}

export interface GenerationSnapshot {
  /** Null before the first one. */
  readonly record: GenerationRecord | null;
  /** Why the present data is refused; the former good record stays in `record`. */
  readonly refused: string | null;
}

/** Reads the generation znode at a relative path of a tree. */
export class GenerationReader {
  readonly #path: string;
  #entry: TreeEntry | undefined;
  #last: GenerationSnapshot = { record: null, refused: null };

  constructor(path: string) {
    this.#path = path;
  }

  read(tree: TreeSnapshot): GenerationSnapshot {
    const entry = tree.entries.get(this.#path);
    if (entry === this.#entry) return this.#last;
    this.#entry = entry;
    this.#last = entry === undefined ? { record: null, refused: null } : this.#decode(entry);
    return this.#last;
  }

  #decode(entry: TreeEntry): GenerationSnapshot {
    try {
      return { record: decodeGenerationRecord(entry.data), refused: null };
    } catch (err) {
      if (!(err instanceof InvalidInputError)) throw err;
      return { record: this.#last.record, refused: err.message };
    }
  }
}

/** Nodes that say `down` give up their address; all others claim it. */
function findConflicts(nodes: ReadonlyMap<string, Published<NodeRecord>>): AddressConflict[] {
  const claims = new Map<string, string[]>();
  for (const [nodeId, { record }] of nodes) {
    if (record.state === 'down') continue;
    for (const endpoint of record.sip) {
      const address = destinationUri(endpoint);
      const claimants = claims.get(address);
      if (claimants === undefined) claims.set(address, [nodeId]);
      else claimants.push(nodeId);
    }
  }
  return [...claims].flatMap(([address, nodeIds]) =>
    nodeIds.length > 1 ? [{ address, nodeIds: nodeIds.sort() }] : [],
  );
}
