import type { DispatcherRow } from './dispatcher-row.js';
import { describeRow, isSelectable, rowKey } from './dispatcher-row.js';
import type { ExplainFacts } from './explain-facts.js';
import { recordOf } from './explain-facts.js';
import { isWeighted } from './wiring.js';
import type { Place } from './places.js';
import { placesOf } from './places.js';
import { byNodeId } from './view.js';
import type { Role } from './node.js';
import { setsRoutedBy } from './wiring.js';

/** One Kamailio that should send calls to the node. */
export interface Consumer {
  readonly nodeId: string;
  readonly role: Role;
  /** The places of the node that it consumes. */
  readonly places: readonly Pick<Place, 'setid' | 'destination' | 'key'>[];
}

/** Which of the Kamailios that serve send new calls to the node. */
export interface Reach {
  /** nodeIds; `unknown`: nobody could see. */
  readonly sending: readonly string[];
  readonly refraining: readonly string[];
  readonly unknown: readonly string[];
}

/** Where the node stands or should: by its record, without one where its rows are. Pure. */
export function placesIn(facts: ExplainFacts): readonly Place[] {
  const record = recordOf(facts);
  if (record !== null) return placesOf(facts.wiring, facts.nodeId, record);
  return rowsLeft(facts).map((row) => ({
    ...row,
    key: rowKey(row),
    isWeighted: isWeighted(facts.wiring, row.setid),
  }));
}

/** The rows in the table that bear the node's name. Pure. */
export function rowsLeft(facts: ExplainFacts): readonly DispatcherRow[] {
  if ('error' in facts.table) return [];
  const description = describeRow(facts.nodeId);
  return facts.table.rows.filter((row) => row.description === description);
}

/** The serving Kamailios that send calls to a set in which the node stands, by name. Pure. */
export function consumersIn(facts: ExplainFacts): readonly Consumer[] {
  const places = placesIn(facts);
  return [...facts.nodes.values()]
    .flatMap(({ record: { nodeId, role, kind, state } }) => {
      const sets = setsRoutedBy(facts.wiring, role);
      const consumed = places.filter(({ setid }) => sets.includes(setid));
      const serves = kind === 'kamailio' && (state === 'up' || state === 'draining');
      return serves && consumed.length > 0 ? [{ nodeId, role, places: consumed }] : [];
    })
    .sort(byNodeId);
}

/**
 * Who sends new calls to the node: by the live list where it was read, else by the table where the
 * Kamailio proved that it runs it. Pure.
 */
export function reachOf(facts: ExplainFacts): Reach {
  const sending: string[] = [];
  const refraining: string[] = [];
  const unknown: string[] = [];
  for (const consumer of consumersIn(facts)) {
    const answers = consumer.places.map((place) => sendsTo(facts, consumer.nodeId, place));
    if (answers.includes(true)) sending.push(consumer.nodeId);
    else if (answers.includes(null)) unknown.push(consumer.nodeId);
    else refraining.push(consumer.nodeId);
  }
  return { sending, refraining, unknown };
}

function sendsTo(
  facts: ExplainFacts,
  consumer: string,
  { setid, destination, key }: Consumer['places'][number],
): boolean | null {
  const list = facts.live.find(({ nodeId }) => nodeId === consumer);
  if (list !== undefined && 'list' in list) {
    const found = list.list.find((d) => d.setid === setid && d.destination === destination);
    return found?.letters.startsWith('A') ?? false;
  }
  if ('error' in facts.table || !hasProven(facts, consumer, setid)) return null;
  const row = facts.table.rows.find((one) => rowKey(one) === key);
  return row !== undefined && isSelectable(row.flags);
}

/** True when a Kamailio proved, by read-back, that it runs the committed rows of a set. Pure. */
export function hasProven(facts: ExplainFacts, consumer: string, setid: number): boolean {
  const applied = facts.applied.get(consumer);
  if (facts.generation === null || applied === undefined) return false;
  return applied.sets[String(setid)] === facts.generation.sets[String(setid)];
}

/** "gets calls from 2 of 2 dispatchers", for the first line. Pure. */
export function reachText(facts: ExplainFacts): string {
  const consumers = consumersIn(facts);
  const { sending, unknown } = reachOf(facts);
  if (consumers.length === 0) {
    const takesFromOutside = recordOf(facts)?.role === 'load-balancer';
    return takesFromOutside ? 'takes calls from outside' : 'gets no new calls';
  }
  const roles = [...new Set(consumers.map(({ role }) => role))];
  const noun = roles.length === 1 ? (roles[0] ?? 'Kamailio') : 'Kamailio';
  const all = `${consumers.length} ${noun}${consumers.length === 1 ? '' : 's'}`;
  if (sending.length > 0) return `gets calls from ${sending.length} of ${all}`;
  if (unknown.length === 0) return 'gets no new calls';
  return `may or may not get calls: ${unknown.length} of ${all} could not be seen`;
}
