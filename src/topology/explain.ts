import { goneStep } from './explain-gone.js';
import type { ExplainFacts } from './explain-facts.js';
import { recordOf } from './explain-facts.js';
import type { Fault, Link, LinkName, Step } from './explain-link.js';
import { breaks, holds, unseen } from './explain-link.js';
import { liveStep } from './explain-live.js';
import type { Reach } from './explain-reach.js';
import { consumersIn, reachOf, reachText } from './explain-reach.js';
import { guardStep, rowStep } from './explain-row.js';
import { checksStep, intentStep, processStep, publishedStep } from './explain-server.js';
import { taskStep } from './explain-task.js';
import type { NodeRecord, Role } from './node.js';

/** Why a node gets calls or not: the chain up to its first broken link. */
export interface Chain {
  readonly nodeId: string;
  /** Null for a node without a znode. */
  readonly role: Role | null;
  /** The last one is the broken one, if any is. */
  readonly links: readonly Link[];
  readonly broken: LinkName | null;
  readonly fault: Fault | null;
  readonly reach: Reach;
  /** The answer in one line. */
  readonly answer: string;
  /** What follows for calls, and what happens by itself; empty when the chain is whole. */
  readonly meaning: string;
  /** What to do next, commands first; empty when the chain is whole. */
  readonly next: readonly string[];
}

/**
 * Follows the chain from a node's SIP server to its calls (process, checks, registry, intent, guard, row,
 * live lists, calls) up to the first broken link. What nobody could look at is told as unknown and breaks
 * nothing. Pure; equal facts give equal chains.
 */
export function explainNode(facts: ExplainFacts): Chain {
  const record = recordOf(facts);
  const links: Link[] = [];
  let last: Step | null = null;
  const task = taskStep(facts);
  if (task !== null) links.push(task.link);
  for (const step of steps(facts, record)) {
    last = step(); // Later links are looked at only when those before hold.
    links.push(last.link);
    if (last.ending !== null) break;
  }
  const ending = last?.ending ?? null;
  const reach = reachOf(facts);
  const { nodeId } = facts;
  const head = `${nodeId} ${reachText(facts)}`;
  if (ending === null) {
    const isSeen = links.every(({ link, state }) => state === 'ok' || link === 'task');
    const answer = isSeen ? `${head}.` : `${head}, as far as can be seen from here.`;
    const rest = { broken: null, fault: null, meaning: '', next: [] };
    return { nodeId, role: record?.role ?? null, links, reach, answer, ...rest };
  }
  const isOdd = reach.sending.length > 0 && last?.link.link !== 'live';
  const answer = `${head}${isOdd ? ', although' : ':'} ${ending.cause}.`;
  const meaning = `${ending.meaning}${lagNote(facts, ending.fault, reach)}`;
  const { fault } = ending;
  const isDue = reach.sending.length > 0 && TAKES_OUT.has(fault) && facts.candidates.length === 0;
  const next = [...(isDue ? ['start a reconciler: carna reconciler'] : []), ...ending.next];
  const broken = last?.link.link ?? null;
  return { nodeId, role: record?.role ?? null, links, broken, fault, reach, answer, meaning, next };
}

function steps(facts: ExplainFacts, record: NodeRecord | null): (() => Step)[] {
  const server = [() => processStep(facts), () => checksStep(facts)];
  if (record === null) return [...server, () => goneStep(facts)];
  return [
    ...server,
    () => publishedStep(facts, record),
    () => intentStep(facts),
    () => guardStep(facts, record),
    () => rowStep(facts, record),
    () => liveStep(facts, record),
    () => callsStep(facts, record),
  ];
}

/** Whose word takes a row out of use: calls to it are on their way out. */
const TAKES_OUT: ReadonlySet<Fault> = new Set([
  'not-running',
  'checks-fail',
  'quarantined',
  'down',
  'draining',
]);

/** What keeps calls away while the lists still send them. */
function lagNote({ candidates }: ExplainFacts, fault: Fault, reach: Reach): string {
  if (reach.sending.length === 0 || !TAKES_OUT.has(fault)) return '';
  if (candidates.length > 0) return ' The lists still have it as active: look again in a second.';
  const who =
    fault === 'draining'
      ? 'its agent refuses new calls by itself after a while'
      : 'only Kamailio’s own pings keep calls away';
  return ` No reconciler leads, so its row stays active until one does; ${who}.`;
}

/** How much it carries. */
function callsStep(facts: ExplainFacts, record: NodeRecord): Step {
  const { agent } = facts;
  const calls = agent.kind === 'told' ? agent.report.calls : null;
  const room = record.maxSessions > 0 ? `/${record.maxSessions}` : '';
  const carried = calls === null ? '' : `${calls}${room} calls, `;
  const load = `${carried}load ${record.loadClass}`;
  if (record.loadClass === 'full') {
    const ending = {
      fault: 'full',
      cause: 'it is full',
      meaning:
        'Load is no illness: it stays in the lists, refuses what it cannot carry, and those calls are tried on ' +
        'other nodes. When all of them are full, callers hear 503.',
      next: [`carna nodes --role ${record.role}`, `add ${record.role} nodes`],
    } as const;
    return breaks('calls', load, ending);
  }
  const { sending } = reachOf(facts);
  const isOutside = consumersIn(facts).length === 0;
  if (sending.length === 0 && !isOutside)
    return unseen('calls', `whether calls reach it is not seen; ${load}`);
  return holds('calls', `calls reach it; ${load}`);
}
