import { randomBytes } from 'node:crypto';
import type { Publication } from '../../registry/registry.js';
import type { NodeRecord, NodeState } from '../../topology/node.js';
import { destinationUri } from '../../topology/node.js';
import { DEFAULT_WIRING, setsListing } from '../../topology/wiring.js';
import { DeadlineError } from '../../util/errors.js';
import type { LabAddress } from '../plan.js';
import { SIP_PORT } from '../plan.js';
import { OptionsResponder } from '../options-responder.js';
import { flagsOf } from './rows.js';
import type { DrillStage } from './stage.js';
import { untilFound, wallMs } from './stage.js';

/** Others only trust load-balancers, so that no call can be sent to such a node. */
const ROLE = 'load-balancer';
/** Third number of their addresses, which no part of a lab has. */
const SUBNET = 80;
const WRITTEN_TIMEOUT_MS = 20_000;
const KNOWN_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const DISABLED = 4;

/** Nodes that exist as records only, published over the drill's own zkSession, with somebody who answers OPTIONS for them. */
export class SyntheticFleet {
  readonly #stage: DrillStage;
  readonly #nodes: readonly SyntheticNode[];
  readonly #responder: OptionsResponder;

  private constructor(
    stage: DrillStage,
    nodes: readonly SyntheticNode[],
    responder: OptionsResponder,
  ) {
    this.#stage = stage;
    this.#nodes = nodes;
    this.#responder = responder;
  }

  /** Publishes nothing yet. Throws LabError when an address is taken. */
  static async open(stage: DrillStage, count: number): Promise<SyntheticFleet> {
    const { lab, platform } = stage;
    const run = randomBytes(3).toString('hex');
    const made = Array.from({ length: count }, (_, index) => {
      const sip = { host: `${lab.plan.net}.${SUBNET}.${index + 1}`, port: SIP_PORT };
      return { nodeId: `drill-${run}-${index + 1}`, sip };
    });
    const responder = await OptionsResponder.open(made.map(({ sip }) => sip));
    const nodes = made.map(
      ({ nodeId, sip }) =>
        new SyntheticNode(nodeId, lab.plan.site.dc, sip, platform.registry.publishNode(nodeId)),
    );
    return new SyntheticFleet(stage, nodes, responder);
  }

  /** "setid destination" of every row that they have in the table. */
  get keys(): readonly string[] {
    const destinations = this.#nodes.map(({ sip }) => destinationUri({ transport: 'udp', ...sip }));
    return setsListing(DEFAULT_WIRING, ROLE).flatMap((setid) =>
      destinations.map((destination) => `${setid} ${destination}`),
    );
  }

  /** What was sent to them beside OPTIONS: nothing should be. */
  get strayRequests(): number {
    return this.#responder.others;
  }

  /** All are up at once; resolves when ZooKeeper holds every record. */
  async appear(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.publish('up')));
  }

  /** All say at once that they are down, and are gone when the table knows it, as agents go at the end of a drain. */
  async leave(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.publish('down')));
    const isKnown = async (): Promise<true | null> => {
      const rows = await this.#stage.platform.rowVersions();
      const flags = this.keys.map((key) => flagsOf(rows, key) ?? DISABLED);
      return flags.every((one) => one === DISABLED) ? true : null;
    };
    const { signal } = new AbortController(); // Also after Ctrl-C: they must not be taken for lost.
    await untilFound(isKnown, KNOWN_TIMEOUT_MS, POLL_MS, signal);
    await Promise.all(this.#nodes.map((node) => node.publish(null)));
  }

  /** Withdraws what still stands; safe at any time. */
  async close(): Promise<void> {
    await this.leave().catch(() => undefined); // The registry is away: the zkSession's end withdraws them.
    await Promise.all(this.#nodes.map((node) => node.close()));
    await this.#responder.close();
  }
}

class SyntheticNode {
  readonly sip: LabAddress;
  readonly #nodeId: string;
  readonly #dc: string;
  readonly #publication: Publication<NodeRecord>;
  #state: NodeState | 'gone' = 'gone';

  constructor(nodeId: string, dc: string, sip: LabAddress, publication: Publication<NodeRecord>) {
    this.#nodeId = nodeId;
    this.#dc = dc;
    this.sip = sip;
    this.#publication = publication;
  }

  /** `null` withdraws it; one that is gone cannot go down. */
  async publish(state: 'up' | 'down' | null): Promise<void> {
    if (this.#state === 'gone' && state !== 'up') return;
    this.#publication.set(state === null ? null : this.#record(state));
    this.#state = state ?? 'gone';
    if (!(await this.#publication.settled(WRITTEN_TIMEOUT_MS))) {
      throw new DeadlineError(`the record of ${this.#nodeId}`, WRITTEN_TIMEOUT_MS);
    }
  }

  async close(): Promise<void> {
    await this.#publication.close();
  }

  #record(state: 'up' | 'down'): NodeRecord {
    const nowMs = wallMs();
    const reason = state === 'up' ? 'appeared in a drill' : 'said goodbye in a drill';
    const trace = { id: randomBytes(12).toString('hex'), cause: reason, actor: 'drill' };
    return {
      schema: 1,
      nodeId: this.#nodeId,
      instanceId: `${this.#nodeId}-1`,
      role: ROLE,
      kind: 'kamailio',
      dc: this.#dc,
      sip: [{ transport: 'udp', ...this.sip }],
      ...{ state, reason, since: nowMs, weight: 100, maxSessions: 0, loadClass: 'normal' },
      marathon: null,
      agent: { version: '0.0.0', http: null },
      trace: {
        ...trace,
        from: this.#state,
        ...{ occurredAtMs: null, noticedAtMs: nowMs, publishedAtMs: nowMs },
      },
    };
  }
}
