import type { Network } from './network.js';
import type { Random } from './random.js';
import type { ServerEnd, Wire } from './wire.js';
import type { Scheduler } from './scheduler.js';
import { ZkServerConnection } from './zookeeper-connection.js';
import type { Effect, Tree, Txn } from './zookeeper-tree.js';
import { applyEffects, newTree, planDelete } from './zookeeper-tree.js';

export interface ZkSessionState {
  readonly id: bigint;
  readonly timeoutMs: number;
  /** Host of the process that asked for it. */
  readonly host: string;
  heardMs: number;
  connection: ZkServerConnection | null;
}

/** One server of the ensemble: a copy of the tree that may lag behind. */
export interface Member {
  readonly name: string;
  isUp: boolean;
  tree: Tree;
  appliedZxid: number;
  lagMs: number;
  applyAtMs: number;
  readonly connections: Set<ZkServerConnection>;
}

export interface EnsembleDeps {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly random: Random;
  readonly servers: number;
  readonly trace: (text: () => string) => void;
  /** After each transaction: who asked (null = the servers themselves) and what changed. */
  readonly onCommit: (effects: readonly Effect[], host: string | null, tree: Tree) => void;
}

const TICK_MS = 500;
const MIN_APPLY_MS = 0.1;
const MAX_APPLY_MS = 2;

/**
 * A ZooKeeper ensemble as its clients see it: one order of transactions, copies that apply them later,
 * sessions with their ephemerals, watches per connection.
 */
export class Ensemble {
  readonly deps: EnsembleDeps;
  readonly members: Member[];
  readonly sessions = new Map<bigint, ZkSessionState>();
  /** What the leader holds: the truth. */
  tree: Tree = newTree();
  /** False: no quorum; nothing is served and no session ages. */
  hasQuorum = true;
  wipes = 0;
  #zxid = 0;
  #log: Txn[] = [];
  #nextSession = 1;

  constructor(deps: EnsembleDeps) {
    this.deps = deps;
    this.members = Array.from({ length: deps.servers }, (_, at) => ({
      name: `zk${at + 1}`,
      isUp: true,
      tree: newTree(),
      appliedZxid: 0,
      lagMs: 0,
      applyAtMs: 0,
      connections: new Set<ZkServerConnection>(),
    }));
    for (const member of this.members) {
      deps.network.listen(`${member.name}:2181`, (wire) => this.#accept(member, wire));
    }
  }

  get connectString(): string {
    return this.members.map((member) => `${member.name}:2181`).join(',');
  }

  get zxid(): number {
    return this.#zxid;
  }

  #accept(member: Member, wire: Wire): ServerEnd | null {
    if (!member.isUp || !this.hasQuorum) return null;
    const connection = new ZkServerConnection(this, member, wire);
    member.connections.add(connection);
    return connection;
  }

  openSession(host: string, timeoutMs: number): ZkSessionState {
    const { scheduler } = this.deps;
    const id = BigInt(this.wipes + 1) * 0x1_0000_0000n + BigInt(this.#nextSession++);
    const session = { id, timeoutMs, host, heardMs: scheduler.nowMs, connection: null };
    this.sessions.set(id, session);
    this.#watchSession(session);
    this.deps.trace(() => `zk session ${id.toString(16)} of ${host}`);
    return session;
  }

  #watchSession(session: ZkSessionState): void {
    const { scheduler } = this.deps;
    const dueMs = session.heardMs + session.timeoutMs;
    const bucketMs = Math.ceil(dueMs / TICK_MS) * TICK_MS;
    scheduler.world(Math.max(1, bucketMs - scheduler.nowMs), () => {
      if (this.sessions.get(session.id) !== session) return;
      if (!this.hasQuorum) session.heardMs = scheduler.nowMs;
      if (scheduler.nowMs - session.heardMs >= session.timeoutMs)
        this.endSession(session, 'expired');
      else this.#watchSession(session);
    });
  }

  /** Its ephemerals go; a client that comes back learns that it is over. */
  endSession(session: ZkSessionState, why: string): void {
    if (!this.sessions.delete(session.id)) return;
    this.deps.trace(() => `zk session ${session.id.toString(16)} of ${session.host} ${why}`);
    const own = [...this.tree].filter(([, { owner }]) => owner === session.id);
    this.commit(null, () =>
      own.flatMap(([path]) => {
        const effects = planDelete(this.tree, this.#zxid, { path, version: -1 });
        applyEffects(this.tree, effects);
        return effects;
      }),
    );
    const connection = session.connection;
    session.connection = null;
    if (why === 'expired') connection?.close();
  }

  /**
   * Makes one transaction. `plan` gives its effects for the new zxid; what it throws refuses it. The
   * members follow each in its own time.
   */
  commit(host: string | null, plan: (zxid: number) => readonly Effect[]): number {
    this.#zxid += 1;
    const zxid = this.#zxid;
    let effects: readonly Effect[] = [];
    try {
      effects = plan(zxid);
    } finally {
      applyEffects(this.tree, effects);
      const txn = { zxid, effects };
      this.#log.push(txn);
      for (const member of this.members) if (member.isUp) this.#follow(member, txn);
    }
    if (effects.length > 0) this.deps.onCommit(effects, host, this.tree);
    return zxid;
  }

  #follow(member: Member, txn: Txn): void {
    const { scheduler, random } = this.deps;
    const wishMs = scheduler.nowMs + member.lagMs + random.between(MIN_APPLY_MS, MAX_APPLY_MS);
    member.applyAtMs = Math.max(member.applyAtMs, wishMs);
    const { wipes } = this;
    scheduler.world(member.applyAtMs - scheduler.nowMs, () => {
      if (wipes === this.wipes) this.#apply(member, txn);
    });
  }

  #apply(member: Member, txn: Txn): void {
    if (!member.isUp || txn.zxid <= member.appliedZxid) return;
    applyEffects(member.tree, txn.effects);
    member.appliedZxid = txn.zxid;
    for (const connection of [...member.connections]) connection.onApplied(txn);
  }

  /** Brings a member up to the last transaction. */
  catchUp(member: Member): void {
    for (const txn of this.#log) this.#apply(member, txn);
  }

  cutMember(member: Member): void {
    const server = `${member.name}:2181`;
    this.deps.network.cut((wire) => wire.server === server);
    for (const connection of [...member.connections]) connection.gone();
  }

  setMember(member: Member, isUp: boolean): void {
    if (member.isUp === isUp) return;
    member.isUp = isUp;
    if (isUp) this.catchUp(member);
    else this.cutMember(member);
  }

  setQuorum(hasQuorum: boolean): void {
    this.hasQuorum = hasQuorum;
    for (const session of this.sessions.values()) session.heardMs = this.deps.scheduler.nowMs;
    if (!hasQuorum) for (const member of this.members) this.cutMember(member);
  }

  /** The servers start again with empty data. */
  wipe(): void {
    for (const member of this.members) this.cutMember(member);
    this.wipes += 1;
    this.#zxid = 0;
    this.#log = [];
    this.sessions.clear();
    this.tree = newTree();
    for (const member of this.members) {
      Object.assign(member, { tree: newTree(), appliedZxid: 0, applyAtMs: 0 });
    }
    this.deps.trace(() => `zk wiped`);
  }
}
