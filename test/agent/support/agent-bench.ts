import { agentMetrics } from '../../../src/agent/metrics.js';
import { DEFAULT_APPLIER_TIMING } from '../../../src/agent/applier-timing.js';
import type { Agent } from '../../../src/agent/run-agent.js';
import { createAgent } from '../../../src/agent/run-agent.js';
import type { AgentTiming } from '../../../src/agent/timing.js';
import { DEFAULT_AGENT_TIMING } from '../../../src/agent/timing.js';
import { createMetrics } from '../../../src/http/metrics.js';
import { encodeAppliedRecord, encodeNodeRecord } from '../../../src/topology/node-codec.js';
import type { AppliedRecord, NodeRecord, Role } from '../../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../../src/topology/wiring.js';
import type { FakeBus } from './fake-bus.js';
import { DMQ_PORT } from './fake-bus.js';
import type { FakeKamailio } from './fake-kamailio.js';
import { FakeTime, flush } from './fake-time.js';
import { FakePublication, FakeRuntime, FakeView, silentLog } from './fakes.js';

/** One agent with nothing real around it. */
export class AgentBench {
  readonly time = new FakeTime();
  readonly runtime = new FakeRuntime();
  readonly view = new FakeView();
  readonly nodes = new FakePublication<NodeRecord>(encodeNodeRecord);
  readonly applied = new FakePublication<AppliedRecord>(encodeAppliedRecord);
  readonly term = new AbortController();
  readonly agent: Agent;
  readonly end: Promise<unknown>;
  isOver = false;

  /** `prepare` sees the bench before its agent runs. */
  constructor(
    role: Role = 'media',
    kamailio: FakeKamailio | null = null,
    timing: Partial<AgentTiming> = {},
    prepare: (bench: AgentBench) => void = () => undefined,
    bus: FakeBus | null = null,
  ) {
    let ids = 0;
    prepare(this);
    const { runtime, view, nodes: publication, time } = this;
    this.agent = createAgent({
      identity: {
        nodeId: 'm1',
        role,
        kind: kamailio === null ? 'freeswitch' : 'kamailio',
        dc: 'a',
        sip: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }],
        weight: 50,
        maxSessions: 0,
        marathon: null,
        agent: { version: '0', http: null },
      },
      wiring: DEFAULT_WIRING,
      runtime,
      openControl: ({ ring }) => {
        runtime.server.ring = ring;
        return runtime.server;
      },
      kamailio:
        kamailio === null ? null : { rpc: kamailio, table: kamailio, publication: this.applied },
      bus: bus === null ? null : { view: bus, link: bus, dmqPort: DMQ_PORT },
      publication,
      view,
      registryState: () => 'connected',
      time,
      timing: { ...DEFAULT_AGENT_TIMING, ...timing, applier: DEFAULT_APPLIER_TIMING },
      newId: () => `id-${String(++ids).padStart(6, '0')}`,
      metrics: agentMetrics(createMetrics()),
      log: silentLog,
    });
    this.end = this.agent.run(this.term.signal).then(
      () => (this.isOver = true),
      (err: unknown) => {
        this.isOver = true;
        return err;
      },
    );
  }

  /** What was published, as words; `gone` for a withdrawn record. */
  states(): string {
    return this.nodes.history.map((record) => record?.state ?? 'gone').join(' ');
  }

  get record(): NodeRecord {
    const record = this.nodes.current;
    if (record === null) throw new Error('nothing is published');
    return record;
  }

  /** Until it is published as up. */
  async up(): Promise<this> {
    await this.time.advance(500);
    return this;
  }

  /** A consumer proves a list that contains the node's last change. */
  async listed(generation: number): Promise<void> {
    this.view.setGeneration(generation, {}, [this.record.trace.id]);
    this.view.acknowledge('d1', 'dispatcher', generation);
    await flush();
  }

  /** Ends the agent, whatever it does, so that nothing is left running. */
  async stop(): Promise<unknown> {
    this.term.abort();
    this.view.want({ now: true });
    for (let turn = 0; turn < 50 && !this.isOver; turn++) await this.time.advance(1_000);
    return this.end;
  }
}
