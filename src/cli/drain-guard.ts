import type { DrainCheck, DrainLimits } from '../topology/drain-check.js';
import { checkDrain, describeRest } from '../topology/drain-check.js';
import { checkDrains } from '../topology/host-drain.js';
import type { NodeRecord } from '../topology/node.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import type { Context } from './context.js';
import type { DrainCheckJson } from './json-shapes.js';
import { readLoads } from './load-reader.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import type { TakenBack } from './own-drains.js';
import { exitCodeAfter, UNTOUCHED } from './own-drains.js';

/** Agents of one role that are asked for their calls before a drain. */
const MAX_PEERS_ASKED = 1_000;

/** A drain that was looked at before it is asked for. */
export interface DrainOutlook {
  readonly check: DrainCheck;
  /** Calls on the node itself; null when its agent does not say. */
  readonly calls: number | null;
}

/** Asks the agents of the node's role for their calls and checks whether it may go. */
export async function lookBeforeDrain(
  data: Pick<OperatorData, 'readAgentHealth'>,
  topology: Pick<TopologyData, 'nodes' | 'intents'>,
  record: NodeRecord,
  limits: DrainLimits,
): Promise<DrainOutlook> {
  const peers = [...topology.nodes].filter(([, node]) => node.record.role === record.role);
  const calls = await readLoads(data, new Map(peers), MAX_PEERS_ASKED);
  const { nodes, intents } = topology;
  const { nodeId } = record;
  const check = checkDrain({ nodes, intents, wiring: DEFAULT_WIRING, calls, nodeId, limits });
  return { check, calls: calls.get(nodeId) ?? null };
}

/** Several nodes looked at before they are drained together. */
export interface DrainsOutlook {
  /** One per role. */
  readonly checks: readonly DrainCheck[];
  /** By nodeId, as far as agents said. */
  readonly calls: ReadonlyMap<string, number>;
}

/** The same for several nodes that go together. */
export async function lookBeforeDrains(
  data: Pick<OperatorData, 'readAgentHealth'>,
  topology: Pick<TopologyData, 'nodes' | 'intents'>,
  records: readonly NodeRecord[],
  limits: DrainLimits,
): Promise<DrainsOutlook> {
  const roles = new Set(records.map(({ role }) => role));
  const peers = [...topology.nodes].filter(([, node]) => roles.has(node.record.role));
  const calls = await readLoads(data, new Map(peers), MAX_PEERS_ASKED);
  const { nodes, intents } = topology;
  const nodeIds = records.map(({ nodeId }) => nodeId);
  const facts = { nodes, intents, wiring: DEFAULT_WIRING, calls, limits };
  const checks = checkDrains({ ...facts, nodeIds });
  return { checks, calls };
}

/**
 * Says why drains are refused and what can be done about it; gives the exit code that goes with what stands. `forced`
 * is the command that does it all the same.
 */
export function printRefusals(
  context: Context,
  checks: readonly DrainCheck[],
  forced: string,
  stands: TakenBack = UNTOUCHED,
): ExitCode {
  const code = exitCodeAfter(stands, EXIT.held);
  const refused = checks.flatMap((check) => (check.kind === 'refused' ? [check] : []));
  const reasons = refused.flatMap(({ lines: [first = '', ...more], notes }) => [
    `refused (exit ${code}): ${first}`,
    ...more,
    ...notes.map(sentence),
  ]);
  const nouns = refused.map(({ numbers: { role } }) =>
    role === 'load-balancer' ? 'load-balancer' : `${role} node`,
  );
  const first = `Bring another ${nouns.join(' and another ')} up first`;
  const next = `${stands.after.join(' ')} ${first}, or: ${forced}`;
  context.printError(...reasons, next, ...stands.open);
  return code;
}

/** What stays, and what could not be looked at; with `isForced` that the guard was overridden. */
export function outlookLines(check: DrainCheck, isForced: boolean): string[] {
  const notes = check.notes.map(sentence);
  if (check.kind === 'allowed') return [sentence(describeRest(check.numbers)), ...notes];
  if (!isForced) return notes;
  return [`--force although ${check.lines.join(' ')}`, ...notes];
}

/** The check as `--json` shows it. */
export function drainCheckJson(check: DrainCheck, isForced: boolean): DrainCheckJson {
  const { kind, numbers } = check;
  return { kind, isForced: isForced && kind === 'refused', ...numbers };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
