import { deriveRows } from '../topology/desired-rows.js';
import type { Derived } from '../topology/desired-rows.js';
import { describeRow } from '../topology/dispatcher-row.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveList } from '../topology/drift.js';
import type { AgentAnswer, ExplainFacts, TaskAnswer } from '../topology/explain-facts.js';
import { liveTaskOf } from '../topology/explain-task.js';
import { consumersIn } from '../topology/explain-reach.js';
import type { NodeRecord } from '../topology/node.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import { CarnaError, DeadlineError, messageOf } from '../util/errors.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { deriveInputOf } from './plan-input.js';

/** In larger fleets the rest is told by what it proved. */
const MAX_LISTS_ASKED = 64;
const ASKED_AT_ONCE = 16;

type Data = Pick<OperatorData, 'readTable' | 'readLive' | 'readAgentReport'>;

/**
 * Reads all that is known of one node; what cannot be read is told as such. Rejects with no CarnaError,
 * nor may `askTask`.
 */
export async function readExplainFacts(
  data: Data,
  topology: TopologyData,
  nodeId: string,
  nowMs: () => number,
  askTask: (nodeId: string, record: NodeRecord | null) => Promise<TaskAnswer>,
): Promise<ExplainFacts> {
  const record = topology.nodes.get(nodeId)?.record ?? null;
  const [rows, agent, task] = await Promise.all([
    readRows(data),
    askAgent(data, record),
    askTask(nodeId, record),
  ]);
  const { nodes, generation, candidates, applied, refused } = topology;
  const told = { nodes, generation, candidates, applied, refused };
  const table =
    'error' in rows ? rows : { rows: rows.rows, derived: derive(topology, rows.rows, nowMs()) };
  const intent = topology.intents.get(nodeId) ?? null;
  const common = { nodeId, wiring: DEFAULT_WIRING, intent, agent, task, table, ...told };
  const live = await readLists(data, { ...common, nowMs: nowMs(), live: [] });
  return { ...common, live, nowMs: nowMs() };
}

/** Whether anything at all speaks of a node of that name. Pure. */
export function isKnownNode({
  nodeId,
  nodes,
  intent,
  refused,
  generation,
  table,
  task,
}: ExplainFacts): boolean {
  if (nodes.has(nodeId) || intent !== null || liveTaskOf({ task }) !== undefined) return true;
  if (refused.some(({ what }) => what.startsWith(`nodes/${nodeId}~`))) return true;
  if (generation?.witnessed?.nodes.some((one) => one.nodeId === nodeId) === true) return true;
  const description = describeRow(nodeId);
  return 'rows' in table && table.rows.some((row) => row.description === description);
}

/** Names that may have been meant: nodes, and rows of ours without one. Pure. */
export function knownNames({ nodes, table }: ExplainFacts): ReadonlySet<string> {
  const tag = describeRow('');
  const rows = 'rows' in table ? table.rows : [];
  const owners = rows.flatMap(({ description }) =>
    description.startsWith(tag) ? [description.slice(tag.length)] : [],
  );
  return new Set([...nodes.keys(), ...owners]);
}

function derive(topology: TopologyData, rows: readonly DispatcherRow[], nowMs: number): Derived {
  return deriveRows(deriveInputOf(topology, rows, DEFAULT_WIRING, nowMs));
}

type Rows = { readonly rows: readonly DispatcherRow[] } | { readonly error: string };

async function readRows(data: Data): Promise<Rows> {
  return expected<Rows>(
    async () => ({ rows: await data.readTable() }),
    (err) => ({ error: err.message }),
  );
}

async function askAgent(data: Data, record: NodeRecord | null): Promise<AgentAnswer> {
  const http = record?.agent.http;
  if (http === undefined) return { kind: 'nobody' };
  if (http === null) return { kind: 'no-http' };
  return expected<AgentAnswer>(
    async () => ({ kind: 'told', report: await data.readAgentReport(http) }),
    (err) => ({ kind: 'unreachable', http, why: reasonOf(err).replace(` ${http}`, '') }),
  );
}

/** Without the address, which is told already. */
function reasonOf(err: CarnaError): string {
  if (err instanceof DeadlineError) return `no answer within ${err.timeoutMs} ms`;
  return err.cause === undefined ? err.message.replace(/^http:\S+: /, '') : messageOf(err.cause);
}

/** The lists of the Kamailios that should send calls to the node, a few at the same time. */
async function readLists(data: Data, facts: ExplainFacts): Promise<LiveList[]> {
  const records = consumersIn(facts).flatMap(({ nodeId }) => facts.nodes.get(nodeId)?.record ?? []);
  const lists: LiveList[] = [];
  const queue = records.slice(0, MAX_LISTS_ASKED).values();
  const ask = async (): Promise<void> => {
    for (const record of queue) {
      const { nodeId, role } = record;
      lists.push(
        await expected<LiveList>(
          () => data.readLive(record),
          (err) => ({ nodeId, role, error: err.message }),
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  return lists;
}

/** What was read, or what an expected failure stands for. */
async function expected<T>(read: () => Promise<T>, otherwise: (err: CarnaError) => T): Promise<T> {
  try {
    return await read();
  } catch (err) {
    if (err instanceof CarnaError) return otherwise(err);
    throw err;
  }
}
