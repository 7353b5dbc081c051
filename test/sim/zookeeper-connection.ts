import type { Wire } from './wire.js';
import type { Ensemble, Member, ZkSessionState } from './zookeeper.js';
import { serveRead } from './zookeeper-reads.js';
import type { Txn, Znode } from './zookeeper-tree.js';
import { writeStat, ZK_ERRORS, ZkRefusal } from './zookeeper-tree.js';
import type { Write } from './zookeeper-writes.js';
import { readWrite } from './zookeeper-writes.js';
import { ZkWatches } from './zookeeper-watches.js';
import { JuteReader, JuteWriter, RequestFrames } from './zookeeper-wire.js';

const OPS = { sync: 9, ping: 11, addWatch: 106, close: -11 } as const;

const PING_XID = -2;
const EVENT_XID = -1;
const STATE_CONNECTED = 3;
const PASSWORD = Buffer.alloc(16, 7);
const MIN_WRITE_MS = 0.5;
const MAX_WRITE_MS = 4;

interface Request {
  readonly xid: number;
  readonly type: number;
  readonly body: JuteReader;
}

/** The server's end of one connection: requests in order, reads from the member's copy, watches. */
export class ZkServerConnection {
  readonly #ensemble: Ensemble;
  readonly #member: Member;
  readonly #wire: Wire;
  readonly #frames = new RequestFrames();
  readonly #queue: Request[] = [];
  readonly #watches = new ZkWatches();
  #session: ZkSessionState | null = null;
  #isGone = false;
  /** The head of the queue is under way. */
  #isBusy = false;
  #waiting: { readonly zxid: number; readonly go: () => void } | null = null;

  constructor(ensemble: Ensemble, member: Member, wire: Wire) {
    this.#ensemble = ensemble;
    this.#member = member;
    this.#wire = wire;
  }

  bytes(data: Buffer): void {
    for (const frame of this.#frames.push(data)) {
      if (this.#isGone) return;
      if (this.#session === null) this.#handshake(new JuteReader(frame));
      else this.#request(frame, this.#session);
    }
  }

  gone(): void {
    this.#isGone = true;
    this.#member.connections.delete(this);
    if (this.#session?.connection === this) this.#session.connection = null;
  }

  close(): void {
    if (this.#isGone) return;
    this.gone();
    this.#wire.closeServer();
  }

  #handshake(hello: JuteReader): void {
    hello.int();
    const seenZxid = Number(hello.long());
    const timeoutMs = hello.int();
    const id = hello.long();
    if (seenZxid > this.#member.appliedZxid) {
      this.close(); // "We have only seen an older zxid": refused.
      return;
    }
    const { scheduler } = this.#ensemble.deps;
    const session =
      id === 0n
        ? this.#ensemble.openSession(this.#wire.actor.host.name, timeoutMs)
        : this.#ensemble.sessions.get(id);
    const reply = new JuteWriter().int(0);
    if (session === undefined) {
      this.#wire.down(reply.int(0).long(0n).buffer(Buffer.alloc(16)).frame());
      this.close();
      return;
    }
    session.connection?.close();
    session.connection = this;
    session.heardMs = scheduler.nowMs;
    this.#session = session;
    this.#wire.down(reply.int(session.timeoutMs).long(session.id).buffer(PASSWORD).frame());
  }

  #request(frame: Buffer, session: ZkSessionState): void {
    const body = new JuteReader(frame);
    const xid = body.int();
    const type = body.int();
    session.heardMs = this.#ensemble.deps.scheduler.nowMs;
    this.#queue.push({ xid, type, body });
    this.#next();
  }

  #next(): void {
    while (!this.#isBusy && !this.#isGone) {
      const request = this.#queue.shift();
      if (request === undefined) return;
      this.#serve(request);
    }
  }

  #serve({ xid, type, body }: Request): void {
    switch (type) {
      case OPS.ping:
        return this.#reply(PING_XID, 0, new JuteWriter());
      case OPS.addWatch:
        this.#watches.recursive.add(body.text());
        return this.#reply(xid, 0, new JuteWriter().int(0));
      case OPS.sync:
        return this.#sync(xid, body.text());
      case OPS.close:
        return this.#closeSession(xid);
      default:
        return this.#readOrWrite(xid, type, body);
    }
  }

  #readOrWrite(xid: number, type: number, body: JuteReader): void {
    const nowMs = (): number => this.#nowMs();
    const context = { ensemble: this.#ensemble, sessionId: this.#session?.id ?? 0n, nowMs };
    const asked = readWrite(type, body, context);
    if (asked !== null) {
      this.#write(xid, asked.what, asked.write);
      return;
    }
    const answer = serveRead(type, body, this.#member.tree, this.#watches);
    if (answer === null) this.#reply(xid, ZK_ERRORS.unimplemented, new JuteWriter());
    else this.#reply(xid, answer.error, answer.body);
  }

  #sync(xid: number, path: string): void {
    const answer = (): void => this.#reply(xid, 0, new JuteWriter().text(path));
    this.#whenApplied(this.#ensemble.zxid, answer);
  }

  /** Agreed upon by the ensemble after a while, answered when the own copy has it. */
  #write(xid: number, what: string, write: Write): void {
    const { scheduler, random, trace } = this.#ensemble.deps;
    const { host } = this.#wire.actor;
    host.effect(`zk:${what}`, 'before');
    if (this.#isGone || this.#wire.actor.state === 'dead') return; // It never got here.
    this.#isBusy = true;
    const { wipes } = this.#ensemble;
    scheduler.world(random.between(MIN_WRITE_MS, MAX_WRITE_MS), () => {
      if (wipes !== this.#ensemble.wipes || !this.#ensemble.hasQuorum) return;
      const { session, result } = this.#commit(write, host.name);
      if (!session) return;
      trace(() => `zk ${host.name} ${what}${result.error === 0 ? '' : ` -> ${result.error}`}`);
      if (result.error === 0) host.effect(`zk:${what}`, 'after');
      if (this.#isGone) return;
      this.#whenApplied(result.zxid, () => {
        this.#reply(xid, result.error, result.body);
      });
    });
  }

  #commit(
    write: Write,
    host: string,
  ): { session: boolean; result: { zxid: number; error: number; body: JuteWriter } } {
    const id = this.#session?.id ?? 0n;
    const result = { zxid: this.#ensemble.zxid, error: 0, body: new JuteWriter() };
    // A request of a session that expired meanwhile does nothing.
    if (!this.#ensemble.sessions.has(id)) return { session: false, result };
    try {
      let path: string | undefined;
      let after: Znode | null = null;
      result.zxid = this.#ensemble.commit(host, (zxid) => {
        const planned = write(zxid);
        path = planned.path;
        after = planned.effects[0]?.znode ?? null;
        return planned.effects;
      });
      if (path !== undefined) result.body.text(path);
      else if (after !== null) writeStat(result.body, after);
    } catch (err) {
      if (!(err instanceof ZkRefusal)) throw err;
      result.error = err.code;
      result.zxid = this.#ensemble.zxid;
    }
    return { session: true, result };
  }

  #closeSession(xid: number): void {
    const session = this.#session;
    const { scheduler, random } = this.#ensemble.deps;
    this.#isBusy = true;
    scheduler.world(random.between(MIN_WRITE_MS, MAX_WRITE_MS), () => {
      if (session !== null && this.#ensemble.hasQuorum)
        this.#ensemble.endSession(session, 'closed');
      if (this.#isGone) return;
      this.#whenApplied(this.#ensemble.zxid, () => {
        this.#reply(xid, 0, new JuteWriter());
        this.close();
      });
    });
  }

  #whenApplied(zxid: number, go: () => void): void {
    if (this.#member.appliedZxid >= zxid) {
      this.#isBusy = false;
      go();
      this.#next();
      return;
    }
    this.#isBusy = true;
    this.#waiting = { zxid, go };
  }

  /** Called after the member applied a transaction: notices first, then the answer that waited for it. */
  onApplied(txn: Txn): void {
    for (const { path, event } of txn.effects) {
      if (event === null) continue;
      for (const notice of this.#watches.noticesOf(path, event))
        this.#event(notice.type, notice.path);
    }
    const waiting = this.#waiting;
    if (waiting === null || waiting.zxid > txn.zxid) return;
    this.#waiting = null;
    this.#whenApplied(waiting.zxid, waiting.go);
  }

  #event(type: number, path: string): void {
    const body = new JuteWriter().int(EVENT_XID).long(0xffff_ffff_ffff_ffffn).int(0);
    this.#wire.down(body.int(type).int(STATE_CONNECTED).text(path).frame());
  }

  #reply(xid: number, error: number, body: JuteWriter): void {
    const head = new JuteWriter().int(xid).long(this.#member.appliedZxid).int(error);
    this.#wire.down(head.append(error === 0 ? body : new JuteWriter()).frame());
  }

  #nowMs(): number {
    return this.#ensemble.deps.scheduler.nowMs;
  }
}
