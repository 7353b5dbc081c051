import type { AgentHealth } from '../../../src/cli/agent-health-codec.js';
import type { OperatorData, TopologyData } from '../../../src/cli/operator-data.js';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { IntentRecord, NodeRecord, Role } from '../../../src/topology/node.js';
import { setsListing, DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import { ServerUnavailableError } from '../../../src/util/errors.js';
import * as p from '../support.js';

/** One node of the model. */
export interface ModelNode {
  readonly nodeId: string;
  readonly appId: string;
  readonly role: Role;
  readonly http: string;
  state: NodeRecord['state'];
  calls: number;
  /** Its agent's HTTP server answers. */
  answers: boolean;
  /** Its znode is there. */
  hasZnode: boolean;
  /** Its row is there. */
  hasRow: boolean;
  /** Ticks since it was launched. */
  age: number;
}

/**
 * A model of the nodes behind Marathon's tasks: what is launched comes up and into the table in some ticks,
 * whoever is to drain drains, what is killed vanishes. Calls that stood on a node that was not drained when
 * it was killed are counted as lost.
 */
export class Platform {
  readonly nodes = new Map<string, ModelNode>();
  readonly intents = new Map<string, IntentRecord>();
  /** Tasks that were killed without having been drained. */
  readonly undrainedKills: string[] = [];
  readonly killed: string[] = [];
  /** Ticks until a killed node's row is deleted; Infinity = never. */
  rowLingers = 0;
  isFresh = true;
  /** Nodes whose last change the leader no longer names. */
  readonly forgotten = new Set<string>();
  /** The agents stop waiting for calls. */
  isPastDeadline = false;
  /** Calls that end on every node that drains, in a tick. */
  endPerTick = 5;
  #host = 0;
  #leaving: { node: ModelNode; ticks: number }[] = [];

  launch(taskId: string, appId: string, calls = 0, age = 3): ModelNode {
    const role = (appId.split('/').at(-1) ?? 'media') as Role;
    const http = `10.9.0.${++this.#host}:9100`;
    const old = age >= 3;
    const node: ModelNode = {
      ...{ nodeId: taskId, appId, role, http, calls, age, answers: true },
      ...{ state: old ? 'up' : 'starting', hasZnode: old, hasRow: old },
    };
    this.nodes.set(taskId, node);
    return node;
  }

  /** The task ends by itself. */
  vanish(taskId: string): void {
    this.nodes.delete(taskId);
  }

  /** The task is killed. */
  kill(taskId: string): void {
    const node = this.nodes.get(taskId);
    if (node === undefined) return;
    this.killed.push(taskId);
    if (node.state !== 'draining' && node.hasZnode) this.undrainedKills.push(taskId);
    else if (node.calls > 0) this.undrainedKills.push(taskId);
    this.nodes.delete(taskId);
    if (node.hasRow && this.rowLingers > 0) {
      this.#leaving.push({ node, ticks: this.rowLingers });
    }
  }

  tick(): void {
    for (const node of this.nodes.values()) {
      node.age++;
      if (node.age >= 1) node.hasZnode = true;
      const intent = this.intents.get(node.nodeId);
      if (intent !== undefined) {
        if (node.state === 'draining') node.calls = Math.max(0, node.calls - this.endPerTick);
        else if (node.state !== 'down') node.state = 'draining';
        continue;
      }
      if (node.state === 'draining') node.state = 'up';
      if (node.age >= 2 && node.state === 'starting') node.state = 'up';
      if (node.age >= 3 && node.state === 'up') node.hasRow = true;
    }
    this.#leaving = this.#leaving
      .map(({ node, ticks }) => ({ node, ticks: ticks - 1 }))
      .filter(({ ticks }) => ticks > 0);
  }

  data(more: Partial<OperatorData> = {}): OperatorData {
    return p.fakeData({
      readTopology: async () => this.#topology(),
      readTable: async () => this.#rows(),
      changeIntent: p.changing(this.intents),
      removeIntent: async (nodeId) => this.intents.delete(nodeId),
      readAgentHealth: async (http) => this.#health(http),
      ...more,
    });
  }

  #topology(): TopologyData {
    const records = [...this.nodes.values()].filter((node) => node.hasZnode).map(recordOf);
    const listed = [...this.nodes.values()].filter(
      (node) => node.hasRow && !this.forgotten.has(node.nodeId),
    );
    return p.topology({
      nodes: [p.LB, p.DISP1, p.DISP2, ...records],
      intents: new Map(this.intents),
      generation: {
        ...p.GENERATION,
        traces: listed.map(({ nodeId }) => ({ id: `trace-${nodeId}`, generation: 1842 })),
      },
      isFresh: this.isFresh,
    });
  }

  #rows(): readonly DispatcherRow[] {
    const standing = [...this.nodes.values()].filter((node) => node.hasRow);
    const rows = [...standing, ...this.#leaving.map(({ node }) => node)].flatMap((node) =>
      setsListing(DEFAULT_WIRING, node.role).map((setid) =>
        p.row(setid, node.nodeId, node.http.split(':')[0] ?? '', node.state === 'up' ? 8 : 4),
      ),
    );
    return [...p.TABLE.filter((row) => row.setid === 10), ...rows];
  }

  #health(http: string): AgentHealth {
    const node = [...this.nodes.values()].find((one) => one.http === http);
    if (node === undefined || !node.answers || !node.hasZnode) {
      throw new ServerUnavailableError(`http://${http}/healthz: no answer`);
    }
    const { nodeId, state, calls } = node;
    const intent = this.intents.get(nodeId);
    if (state !== 'draining') return { nodeId, state, calls, drain: null };
    const step = calls === 0 || this.isPastDeadline ? 'empty' : 'emptying';
    const left = { left: calls, endedPerSecond: 1, deadlineAtMs: intent?.deadline ?? null };
    return { nodeId, state, calls, drain: { step, ...left, cut: step === 'empty' ? calls : null } };
  }
}

function recordOf(node: ModelNode): NodeRecord {
  const { nodeId, appId, role, http, state } = node;
  return p.node(role, nodeId, http.split(':')[0] ?? '', {
    state,
    marathon: { taskId: nodeId, appId, appVersion: '2024-01-01T00:00:00.000Z' },
    agent: { version: '0.1.0', http },
  });
}
