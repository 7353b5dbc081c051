import type { Logger } from 'pino';
import type { LifecycleEvent, LifecycleState } from '../topology/lifecycle.js';
import { nextState } from '../topology/lifecycle.js';
import type { ChangeTrace, LoadClass, NodeRecord } from '../topology/node.js';
import { NODE_STATES } from '../topology/node.js';
import type { AgentMetrics } from './metrics.js';
import type { NodePublication, Timekeeper } from './ports.js';
import { cutLine } from '../util/cut-text.js';

/** What of a node's record does not change while its agent lives. */
export type NodeIdentity = Omit<
  NodeRecord,
  'schema' | 'instanceId' | 'state' | 'reason' | 'since' | 'loadClass' | 'trace'
>;

/** Why a state changes; becomes the record's reason and its trace. */
export interface Why {
  readonly cause: string;
  /** Default: "agent". */
  readonly actor?: string;
  /** Default: the cause. */
  readonly reason?: string;
  /** Wall clock in ms; default null, only the noticing is known. */
  readonly occurredAtMs?: number | null;
  /** Wall clock in ms; default now. */
  readonly noticedAtMs?: number;
}

export interface NodeStatusDeps {
  readonly publication: NodePublication;
  readonly time: Timekeeper;
  /** A new unique id of 8 to 36 characters. */
  readonly newId: () => string;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Readers cut records at 1 KB: a reason has to leave room for the rest. */
const MAX_REASON_LENGTH = 160;
/** As long as a trace may tell it; an operator's name may be longer. */
const MAX_ACTOR_LENGTH = 64;

/** The node's state and the one place that changes and publishes it; `apply` begins the write in its own tick. */
export class NodeStatus {
  readonly #identity: NodeIdentity;
  readonly #deps: NodeStatusDeps;
  #state: LifecycleState = 'starting';
  #instanceId: string;
  #loadClass: LoadClass = 'normal';
  #maxSessions: number;
  #reason = 'starting';
  #since: number;
  #trace: ChangeTrace | null = null;

  constructor(identity: NodeIdentity, deps: NodeStatusDeps) {
    this.#identity = identity;
    this.#deps = deps;
    this.#instanceId = deps.newId();
    this.#maxSessions = identity.maxSessions;
    this.#since = deps.time.wallMs();
  }

  get state(): LifecycleState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  get instanceId(): string {
    return this.#instanceId;
  }

  /** Wall clock in ms of the last change of state. */
  get since(): number {
    return this.#since;
  }

  /** Id of the last change; null before the first publish. */
  get traceId(): string | null {
    return this.#trace?.id ?? null;
  }

  /** Wall clock in ms of the same. */
  get publishedAtMs(): number | null {
    return this.#trace?.publishedAtMs ?? null;
  }

  /**
   * Says that the node is starting: a record of an earlier agent is history from here on. `instanceId` is
   * that of a server which was taken over, null when there is none.
   */
  announce(instanceId: string | null): void {
    if (instanceId !== null) this.#instanceId = instanceId;
    const cause = instanceId === null ? 'the agent started' : 'the agent started, its server runs';
    if (this.#state === 'starting') this.#publish('gone', { cause, reason: 'starting' });
    this.#measure();
  }

  newInstanceId(): string {
    return this.#deps.newId();
  }

  /** Another life of the server begins; readers learn of it with the next change. */
  beginInstance(instanceId: string): void {
    this.#instanceId = instanceId;
  }

  /** Moves by the state table and publishes at once. Throws RangeError on an event without entry. */
  apply(event: LifecycleEvent, why: Why): void {
    const from = this.#state;
    const to = nextState(from, event);
    this.#state = to;
    if (to !== from) this.#since = this.#deps.time.wallMs();
    if (to === 'gone') this.#deps.publication.set(null);
    else this.#publish(from, why);
    // After the write began: its speed is what the platform sees.
    if (to !== from) this.#deps.metrics.changes.inc({ to });
    this.#measure();
    this.#deps.log.info({ from, to, event, why: why.cause }, 'node changed state');
  }

  /** Another reason for the same state; the trace stays, nothing happened to the node. */
  describe(reason: string): void {
    const told = cutLine(reason, MAX_REASON_LENGTH);
    if (told === this.#reason || this.#trace === null) return;
    this.#reason = told;
    this.#send(this.#trace);
  }

  /**
   * Publishes another load class or capacity (in calls, 0 = unknown); the same ones cost nothing. A node that
   * takes no calls tells them with its next change.
   */
  setLoad(loadClass: LoadClass, maxSessions: number): void {
    if (loadClass === this.#loadClass && maxSessions === this.#maxSessions) return;
    this.#loadClass = loadClass;
    this.#maxSessions = maxSessions;
    if (this.#trace !== null && this.#state === 'up') this.#send(this.#trace);
  }

  #measure(): void {
    for (const state of [...NODE_STATES, 'gone']) {
      this.#deps.metrics.state.set(state === this.#state ? 1 : 0, { state });
    }
  }

  #publish(from: LifecycleState, why: Why): void {
    const now = this.#deps.time.wallMs();
    this.#reason = cutLine(why.reason ?? why.cause, MAX_REASON_LENGTH);
    this.#trace = {
      id: this.#deps.newId(),
      cause: cutLine(why.cause, MAX_REASON_LENGTH),
      from,
      actor: cutLine(why.actor ?? 'agent', MAX_ACTOR_LENGTH),
      occurredAtMs: why.occurredAtMs ?? null,
      noticedAtMs: why.noticedAtMs ?? now,
      publishedAtMs: now,
    };
    this.#send(this.#trace);
  }

  #send(trace: ChangeTrace): void {
    if (this.#state === 'gone') return;
    this.#deps.publication.set({
      schema: 1,
      ...this.#identity,
      instanceId: this.#instanceId,
      loadClass: this.#loadClass,
      maxSessions: this.#maxSessions,
      state: this.#state,
      reason: this.#reason,
      since: this.#since,
      trace,
    });
  }
}
