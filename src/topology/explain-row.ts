import type { DispatcherRow } from './dispatcher-row.js';
import { isOurs, rowKey } from './dispatcher-row.js';
import type { ExplainFacts } from './explain-facts.js';
import type { Ending, Step } from './explain-link.js';
import { breaks, holds, unseen } from './explain-link.js';
import { isLostHold } from './held.js';
import type { HeldRecord, NodeRecord } from './node.js';
import type { Place } from './places.js';
import { placesOf } from './places.js';
import { faultOfRow } from './row-validation.js';

/** What the guards and the second witness say of a node with a znode. Pure. */
export function guardStep(facts: ExplainFacts, record: NodeRecord): Step {
  const { nodeId, generation } = facts;
  const seen = generation?.witnessed?.nodes.find((one) => one.nodeId === nodeId);
  const places = placesOf(facts.wiring, nodeId, record);
  const held = generation?.held?.find((one) => concerns(one, places));
  const isLost = held !== undefined && isLostHold(held);
  if (seen?.finding === 'disagreed') {
    return disagreed(facts, seen.destination, seen.sinceMs, isLost ? held.setid : null);
  }
  if (held !== undefined) return isLost ? lost(facts, held) : heldBack(held);
  const leader = facts.candidates[0];
  if (leader === undefined) {
    return unseen('guard', 'nothing is held; no reconciler leads, so no change would be written');
  }
  return holds('guard', `nothing is held, the witness has no doubt; ${leader} leads`);
}

function concerns({ setid, destinations, count }: HeldRecord, places: readonly Place[]): boolean {
  const here = places.filter((place) => place.setid === setid);
  if (here.some(({ destination }) => destinations.includes(destination))) return true;
  // Not all are told by name: when no name is told at all, any of the set may be meant.
  return here.length > 0 && destinations.length === 0 && count > 0;
}

/** `lostSetid`: the lost set that it would be the first of. */
function disagreed(
  facts: ExplainFacts,
  destination: string,
  sinceMs: number,
  lostSetid: number | null,
): Step {
  const state =
    lostSetid === null
      ? 'Its row is inactive until a Kamailio’s own OPTIONS succeed, so those that reach it go on sending calls.'
      : `PostgreSQL lost all rows of set ${lostSetid}: until it answers it gets none, and every Kamailio keeps its list of the set.`;
  const ending = {
    fault: 'disagreed',
    cause: 'its agent says up, but the reconciler gets no answer from it',
    meaning: `${state} Likely a firewall or a route between the reconciler and this node, or it listens elsewhere.`,
    next: [
      `from the reconciler’s host: sipsak -vv -s ${destination}`,
      `carna timeline --node ${facts.nodeId}`,
    ],
  } as const;
  const text = `its agent says up, ${destination} does not answer the reconciler`;
  return breaks('guard', text, ending, { sinceMs });
}

/** Whoever is up and answers ends the hold with its row. */
function lost(
  { candidates, nodeId }: ExplainFacts,
  { setid, rule, why, sinceMs }: HeldRecord,
): Step {
  const next = candidates.length === 0 ? 'start a reconciler: carna reconciler' : 'carna guard';
  const ending = {
    fault: 'held',
    cause: `PostgreSQL lost all rows of set ${setid}`,
    meaning:
      'It has no row there: every Kamailio keeps the list of the set that it has until a node of it is up and ' +
      'answers the reconciler, or an operator says that the set is empty.',
    next: [next, `carna explain ${nodeId}`],
  } as const;
  return breaks('guard', `set ${setid} is held (${rule}): ${why}`, ending, { sinceMs });
}

function heldBack({ setid, rule, why, sinceMs }: HeldRecord): Step {
  const ending = {
    fault: 'held',
    cause: `a guard holds its change in set ${setid}`,
    meaning:
      'Its row stays as it is until the evidence returns or an operator says that the guard is wrong.',
    next: ['carna guard', `carna guard override ${setid} --for 10m`],
  } as const;
  return breaks('guard', `set ${setid} is held (${rule}): ${why}`, ending, { sinceMs });
}

/** Its rows: as they should be against the table. Pure. */
export function rowStep(facts: ExplainFacts, record: NodeRecord): Step {
  const places = placesOf(facts.wiring, facts.nodeId, record);
  if (places.length === 0) {
    const ending = {
      fault: 'unlisted-role',
      cause: `no destination set lists a ${record.role}`,
      meaning: 'By the wiring nobody sends calls to this role.',
      next: ['carna plan --print-wiring'],
    } as const;
    return breaks('row', `no destination set lists a ${record.role}`, ending);
  }
  if ('error' in facts.table) {
    return unseen('row', `the table could not be read: ${facts.table.error}`);
  }
  const table = new Map(facts.table.rows.map((row) => [rowKey(row), row]));
  const ill = places.map((place) => faultAt(facts, place, table.get(place.key))).find(isFault);
  if (ill !== undefined) return ill;
  const { generation } = facts;
  const what = places.map(({ setid, key }) => `set ${setid} ${rowText(table.get(key))}`).join(', ');
  const rivals = places.flatMap(({ key }) => rivalOf(facts, key));
  if (rivals.length > 0) {
    const text = `${what}, but ${rivals.join(', ')} claims the same address: this one is younger`;
    return unseen('row', text);
  }
  if (generation === null) return unseen('row', `${what}; no generation is told`);
  const times = { atMs: generation.committedAtMs };
  return holds(
    'row',
    `${what}, as it should be; generation ${generation.generation} committed`,
    times,
  );
}

function isFault(step: Step | null): step is Step {
  return step !== null;
}

function rivalOf({ table, nodeId }: ExplainFacts, key: string): string[] {
  const conflict = 'error' in table ? undefined : table.derived.conflicts.get(key);
  return conflict?.winner === nodeId ? [conflict.loser] : [];
}

/** The step when the table has not what it should at one place; null when it has. */
function faultAt(facts: ExplainFacts, place: Place, found: DispatcherRow | undefined): Step | null {
  if ('error' in facts.table) return null;
  const { nodeId } = facts;
  const { setid, destination, key } = place;
  const where = `set ${setid} ${destination}`;
  const wanted = facts.table.derived.desired.get(key);
  if (facts.table.derived.foreign.has(key) || (found !== undefined && !isOurs(found))) {
    return breaks('row', `${where}: a row that is not ours stands in its place`, foreign(found));
  }
  if (wanted !== undefined && wanted.nodeId !== nodeId) {
    return breaks('row', `${where}: ${wanted.nodeId} has the row`, conflict(wanted.nodeId, nodeId));
  }
  const row = wanted?.row;
  if (row === found || (row !== undefined && found !== undefined && isSame(row, found))) {
    return row === undefined ? due(facts, `${where}: no row, and none is wanted`) : null;
  }
  const why = row === undefined ? null : faultOfRow(row);
  if (why !== null)
    return breaks('row', `${where}: it may not be written: ${why}`, invalid(nodeId));
  return due(facts, `${where}: ${rowText(found)}, should be ${rowText(row)}`);
}

function isSame(a: DispatcherRow, b: DispatcherRow): boolean {
  return a.flags === b.flags && a.priority === b.priority && a.attrs === b.attrs;
}

/** The table is behind: who should write it? */
function due({ candidates, nodeId }: ExplainFacts, text: string): Step {
  const leader = candidates[0];
  const meaning =
    leader === undefined
      ? 'No reconciler leads: nothing will be written until one does.'
      : `${leader} leads and writes such a change within 100 ms as a rule: look again. If it stays, it ` +
        'cannot write to PostgreSQL or its view of ZooKeeper is stale; its log says which.';
  const next =
    leader === undefined
      ? ['start a reconciler: carna reconciler', 'carna plan']
      : ['carna plan', `carna explain ${nodeId}`];
  const cause =
    leader === undefined ? 'its row is due and no reconciler leads' : 'its row is not yet written';
  return breaks('row', text, { fault: 'row-due', cause, meaning, next });
}

function foreign(found: DispatcherRow | undefined): Ending {
  const name = found?.description ?? '';
  return {
    fault: 'foreign-row',
    cause: 'a row that is not ours stands in its place',
    meaning:
      `Somebody else wrote it (description "${name}"); Carna never touches it, so no drain and no failure of ` +
      'this node changes it.',
    next: ['delete that row in PostgreSQL; Carna writes its own at once', 'carna dispatcher'],
  };
}

function conflict(winner: string, loser: string): Ending {
  return {
    fault: 'conflict',
    cause: `${winner} claims the same address`,
    meaning:
      `Two nodes publish one address; the younger, ${winner}, has the row. Calls to the address reach ` +
      'whichever server really listens there.',
    next: [`carna explain ${winner}`, `correct the address of ${loser} or of ${winner}`],
  };
}

function invalid(nodeId: string): Ending {
  return {
    fault: 'invalid-row',
    cause: 'its address cannot stand in the table',
    meaning: 'One bad row would spoil the whole list of a Kamailio, so it is refused.',
    next: [`correct the address that the agent of ${nodeId} publishes`],
  };
}

const FLAG_WORDS: Readonly<Record<number, string>> = { 8: 'active', 9: 'inactive', 4: 'disabled' };

/** "active (flags 8)", with weights when there are any. Pure. */
export function rowText(row: DispatcherRow | undefined): string {
  if (row === undefined) return 'no row';
  const attrs = row.attrs === '' ? '' : `, ${row.attrs}`;
  return `${FLAG_WORDS[row.flags] ?? 'state'} (flags ${row.flags}${attrs})`;
}
