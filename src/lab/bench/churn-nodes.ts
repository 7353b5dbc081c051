import { dcPaths } from '../../registry/paths.js';
import { ZkSession } from '../../registry/session.js';
import type { NodeRecord, NodeState } from '../../topology/node.js';
import { destinationUri } from '../../topology/node.js';
import { encodeNodeRecord } from '../../topology/node-codec.js';
import { labAuth, labZookeeper } from '../lab-registry.js';
import type { LabAddress } from '../plan.js';
import { ONLY_SITE } from '../plan.js';
import { LAB_CLUSTER } from '../secrets.js';
import type { BenchContext } from './run-bench.js';
import { syntheticNode } from './synthetic-node.js';

/** How a node of the churn should be found in the lists of those who consume it. */
export type ChurnState = 'listed' | 'disabled' | 'absent';

const SESSION_MS = 10_000;
const LIMIT_MS = 30_000;

/** What a node goes through, over and over: two of five changes are of membership, the others of state. */
const LIFE: readonly ('down' | 'up' | 'draining' | 'gone')[] = [
  'down',
  'up',
  'draining',
  'gone',
  'up',
];

/**
 * Nodes that exist as records only, in a role that carries no calls of the lab, and that change all the
 * time: their agents' writes without the agents.
 */
export class ChurnNodes {
  readonly addresses: readonly LabAddress[];
  readonly #session: ZkSession;
  readonly #parent: string;
  readonly #records: NodeRecord[];
  readonly #steps: number[];
  readonly #states: ChurnState[];
  #changes = 0;

  private constructor(session: ZkSession, count: number, sipHost: (n: number) => string) {
    this.#session = session;
    this.#parent = dcPaths(LAB_CLUSTER, ONLY_SITE.dc).nodes;
    this.#records = Array.from({ length: count }, (_, n) => churnRecord(n, sipHost(n)));
    this.#steps = Array.from({ length: count }, () => 0);
    this.#states = Array.from({ length: count }, () => 'listed' as const);
    this.addresses = this.#records.map(({ sip }) => ({
      host: sip[0]?.host ?? '',
      port: sip[0]?.port ?? 0,
    }));
  }

  /** Opens the session that owns them; nothing is published yet. Throws DeadlineError. */
  static async open(context: BenchContext, count: number): Promise<ChurnNodes> {
    const { lab, log } = context;
    const session = ZkSession.open({
      connectString: labZookeeper(lab),
      zkSessionTimeoutMs: SESSION_MS,
      auth: labAuth(lab),
      log,
    });
    try {
      await session.whenConnected(LIMIT_MS);
    } catch (err) {
      await session.close();
      throw err;
    }
    return new ChurnNodes(session, count, (n) => `${lab.plan.net}.${60 + (n >> 8)}.${n & 255}`);
  }

  get count(): number {
    return this.#records.length;
  }

  /** Every node is published as up. */
  async publishAll(): Promise<void> {
    await Promise.all(this.#records.map((_, n) => this.#create(n)));
  }

  /**
   * Brings the nodes to different places in their lives, so that every moment has changes of every kind.
   * `seen` waits until each step is in the lists: a goodbye that nobody saw would be silence.
   */
  async spread(seen: () => Promise<void>): Promise<void> {
    for (let round = 1; round < LIFE.length; round++) {
      const due = this.#records.map((_, n) => n).filter((n) => n % LIFE.length >= round);
      await Promise.all(due.map((n) => this.change(n)));
      await seen();
    }
  }

  /** The next change of node `n`; resolves when ZooKeeper has it. */
  async change(n: number): Promise<void> {
    const step = this.#steps[n] ?? 0;
    this.#steps[n] = step + 1;
    switch (LIFE[step % LIFE.length] ?? 'up') {
      case 'down':
        this.#states[n] = 'disabled';
        return this.#write(n, 'down');
      case 'draining':
        this.#states[n] = 'disabled';
        return this.#write(n, 'draining');
      case 'gone':
        this.#states[n] = 'absent';
        return this.#session.remove(this.#path(n));
      case 'up':
        return this.#states[n] === 'absent' ? this.#create(n) : this.#up(n);
    }
  }

  /** SIP URI and how it should be found, by node. */
  expected(): readonly { readonly destination: string; readonly state: ChurnState }[] {
    return this.#records.map(({ sip: [endpoint] }, n) => ({
      destination: endpoint === undefined ? '' : destinationUri(endpoint),
      state: this.#states[n] ?? 'absent',
    }));
  }

  /** Every one says goodbye and leaves. Never throws: the end of the session takes along what is left. */
  async close(): Promise<void> {
    const present = this.#records.map((_, n) => n).filter((n) => this.#states[n] !== 'absent');
    await Promise.all(
      present.map(async (n) => {
        await this.#write(n, 'down').catch(() => undefined);
        this.#states[n] = 'absent';
      }),
    );
    await this.#session.close();
  }

  async #up(n: number): Promise<void> {
    this.#states[n] = 'listed';
    return this.#write(n, 'up');
  }

  async #create(n: number): Promise<void> {
    this.#states[n] = 'listed';
    const data = Buffer.from(encodeNodeRecord(this.#next(n, 'up')));
    await this.#session.create(this.#path(n), data, { ephemeral: true });
  }

  async #write(n: number, state: NodeState): Promise<void> {
    await this.#session.setData(this.#path(n), Buffer.from(encodeNodeRecord(this.#next(n, state))));
  }

  /** The record after one more change, with a trace of its own. */
  #next(n: number, state: NodeState): NodeRecord {
    const before = this.#records[n] ?? churnRecord(n, '');
    const nowMs = performance.timeOrigin + performance.now();
    const trace = {
      ...before.trace,
      id: `churn-${n}-${this.#changes++}`,
      from: before.state,
      noticedAtMs: nowMs,
      publishedAtMs: nowMs,
    };
    const next: NodeRecord = { ...before, state, since: nowMs, trace };
    this.#records[n] = next;
    return next;
  }

  #path(n: number): string {
    return `${this.#parent}/${this.#records[n]?.nodeId ?? ''}~1`;
  }
}

function churnRecord(n: number, host: string): NodeRecord {
  const like = syntheticNode(n);
  return {
    ...like,
    nodeId: `churn-${n}`,
    role: 'registrar',
    kind: 'kamailio',
    sip: [{ transport: 'udp', host, port: 5060 }],
  };
}
