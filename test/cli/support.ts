import { openConfiguredMarathon } from '../../src/cli/configured-marathon.js';
import type { CliConfig } from '../../src/config/cli.js';
import { createContext } from '../../src/cli/context.js';
import type { AccountData } from '../../src/cli/account-data.js';
import type { Context } from '../../src/cli/context.js';
import type { OperatorData, TopologyData } from '../../src/cli/operator-data.js';
import { runWith } from '../../src/cli/program.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
  NodeState,
  Role,
} from '../../src/topology/node.js';
import { DEFAULT_WIRING, setsConsumedBy } from '../../src/topology/wiring.js';
import { ServerUnavailableError } from '../../src/util/errors.js';
import type { FakeTerminal } from './fake-process.js';
import { fakeProcess } from './fake-process.js';

/** The moment at which all of these tests happen. */
export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

/** A node's record; media nodes are FreeSWITCH, the others Kamailio. Up since a day. */
export function node(
  role: Role,
  nodeId: string,
  ip: string,
  more: Partial<NodeRecord> & { readonly state?: NodeState } = {},
): NodeRecord {
  return {
    schema: 1,
    nodeId,
    instanceId: `${nodeId}-1`,
    role,
    kind: role === 'media' ? 'freeswitch' : 'kamailio',
    dc: 'dc1',
    sip: [{ transport: 'udp', host: ip, port: 5060 }],
    state: 'up',
    reason: 'checks succeed',
    since: NOW - 3 * 86_400_000,
    weight: 1,
    maxSessions: role === 'media' ? 1000 : 0,
    loadClass: 'normal',
    marathon: null,
    agent: { version: '0.1.0', http: `${ip}:9090` },
    trace: {
      id: `trace-${nodeId}`,
      cause: 'started',
      from: 'starting',
      actor: 'agent',
      occurredAtMs: null,
      noticedAtMs: NOW - 1000,
      publishedAtMs: NOW - 999,
    },
    ...more,
  };
}

export function row(setid: number, nodeId: string, ip: string, flags = 8): DispatcherRow {
  const destination = `sip:${ip}:5060`;
  return { setid, destination, flags, priority: 0, attrs: '', description: describeRow(nodeId) };
}

export const LB = node('load-balancer', 'lb-1', '10.0.1.1');
export const DISP1 = node('dispatcher', 'disp-1', '10.0.2.1');
export const DISP2 = node('dispatcher', 'disp-2', '10.0.2.2');
export const MEDIA1 = node('media', 'media-1', '10.0.3.1');
export const MEDIA2 = node('media', 'media-2', '10.0.3.2');
export const MEDIA10 = node('media', 'media-10', '10.0.3.10');

export const GENERATION: GenerationRecord = {
  schema: 1,
  generation: 1842,
  epoch: 17,
  sets: { '10': 'aaaa', '30': 'bbbb' },
  traces: [],
  committedAtMs: NOW - 60_000,
};

export function applied(of: NodeRecord, more: Partial<AppliedRecord> = {}): AppliedRecord {
  const sets: Readonly<Record<string, string>> =
    of.role === 'load-balancer' ? { '10': 'aaaa' } : { '30': 'bbbb' };
  const { nodeId, role } = of;
  const proof = { generation: 1842, sets, provenAtMs: NOW - 59_000, drift: null };
  return { schema: 1, nodeId, role, ...proof, ...more };
}

export function intent(nodeId: string, more: Partial<IntentRecord> = {}): IntentRecord {
  return {
    schema: 1,
    nodeId,
    want: 'drain',
    by: 'ann',
    why: 'kernel update',
    since: NOW - 60_000,
    deadline: NOW + 46 * 60_000,
    now: false,
    ...more,
  };
}

export function byId<T extends { readonly nodeId: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.nodeId, item]));
}

/** A healthy platform of one load-balancer, two dispatchers and three media nodes, and variations of it. */
export function topology(
  more: Partial<Omit<TopologyData, 'nodes'>> & { readonly nodes?: readonly NodeRecord[] } = {},
): TopologyData {
  const records = more.nodes ?? [LB, DISP1, DISP2, MEDIA1, MEDIA2, MEDIA10];
  return {
    intents: new Map(),
    overrides: new Map(),
    applied: byId([applied(LB), applied(DISP1), applied(DISP2)]),
    generation: GENERATION,
    refused: [],
    conflicts: [],
    leader: 'rec-2',
    candidates: ['rec-2', 'rec-1'],
    asOfMs: NOW - 300,
    isFresh: true,
    ...more,
    nodes: new Map(records.map((record, i) => [record.nodeId, { record, czxid: BigInt(i + 1) }])),
  };
}

export const TABLE: readonly DispatcherRow[] = [
  row(10, 'disp-1', '10.0.2.1'),
  row(10, 'disp-2', '10.0.2.2'),
  row(30, 'media-1', '10.0.3.1'),
  row(30, 'media-2', '10.0.3.2'),
  row(30, 'media-10', '10.0.3.10'),
];

/** Changes intents where they are kept; `write` puts one there, `remove` takes one away. */
export function changing(
  intents: Map<string, IntentRecord>,
  write = async (intent: IntentRecord): Promise<void> => void intents.set(intent.nodeId, intent),
  remove = async (nodeId: string): Promise<void> => void intents.delete(nodeId),
): OperatorData['changeIntent'] {
  return async (nodeId, change) => {
    const present = intents.get(nodeId) ?? null;
    const wanted = change(present);
    if (wanted === present) return wanted;
    if (wanted === null) await remove(nodeId);
    else await write(wanted);
    return wanted;
  };
}

/** Data that never changes; tests override what they need. */
export function fakeData(more: Partial<OperatorData> = {}): OperatorData {
  return {
    readTopology: async () => topology(),
    watchTopology: async (listener, signal) => {
      listener(topology());
      if (!signal.aborted) await new Promise((end) => signal.addEventListener('abort', end));
    },
    readLastKnown: async () => ({
      rows: TABLE,
      generation: 1_842,
      committedAtMs: NOW - 300_000,
      leader: { holder: 'rec-2', epoch: 17 },
    }),
    readTable: async () => TABLE,
    deriveDesired: (_topology, table) => table,
    readLive: async ({ nodeId, role }) => {
      const mine = TABLE.filter((r) => setsConsumedBy(DEFAULT_WIRING, role).includes(r.setid));
      const list = mine.map((r) => ({ ...r, letters: 'AP' }));
      return { nodeId, role, list, readAtMs: NOW };
    },
    readChanges: async () => [],
    readRefusals: async () => [],
    readContacts: async () => ({ contacts: [], total: 0, users: 0, edges: [], asOfMs: NOW }),
    readUser: async () => null,
    readSimilarUsers: async () => [],
    readOwners: async () => [],
    changeIntent: async (_, change) => change(null),
    writeOverride: async () => undefined,
    removeIntent: async () => false,
    readAgentHealth: async (http) => {
      throw new ServerUnavailableError(`http://${http}/healthz: no answer`);
    },
    readAgentReport: async (http) => {
      throw new ServerUnavailableError(`http://${http}/healthz: no answer`);
    },
    close: async () => undefined,
    ...more,
  };
}

export interface Terminal extends FakeTerminal {
  /** Time that passes whenever the monotonic clock is read, in ms; absent: it stands still but for waits. */
  readonly tickMs?: number;
  /** Users and trunks; absent: the command must not ask for them. */
  readonly accounts?: AccountData;
  /** Called before each wait of the command, with the number of waits so far; `interrupt` is Ctrl-C. */
  readonly onWait?: (count: number, interrupt: () => void) => void | Promise<void>;
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Signal listeners left behind. */
  readonly listeners: number;
}

/** Runs one command line against fakes; time stands still but for its waits. */
export async function carna(
  line: string,
  data: OperatorData = fakeData(),
  terminal: Terminal = {},
): Promise<Outcome> {
  const { proc, output, signals, interrupt } = fakeProcess(terminal);
  let elapsedMs = 0;
  let waits = 0;
  const clock = {
    wallMs: () => NOW + elapsedMs,
    monoMs: () => (elapsedMs += terminal.tickMs ?? 0),
  };
  const wait: Context['wait'] = async (ms, signal) => {
    await terminal.onWait?.(++waits, interrupt);
    if (waits > 10_000) throw new Error('the command waits for ever');
    if (signal?.aborted !== true) elapsedMs += ms;
  };
  const ports = {
    openOperatorData: async () => data,
    openAccounts: async () => {
      if (terminal.accounts === undefined) throw new Error('no accounts in this test');
      return terminal.accounts;
    },
    openMarathon: async (config: CliConfig) => openConfiguredMarathon(config),
    endpointSource: { findLab: async () => null },
  };
  const code = await runWith(
    line.split(' ').filter((word) => word !== ''),
    createContext(proc, ports, clock, wait),
  );
  const listeners = signals.listenerCount('SIGINT') + signals.listenerCount('SIGTERM');
  return { code, ...output(), listeners };
}
