import type { ExplainFacts } from './explain-facts.js';
import type { Ending, Fault, Step } from './explain-link.js';
import { breaks, holds, unseen } from './explain-link.js';
import type { Consumer } from './explain-reach.js';
import { consumersIn, hasProven, placesIn } from './explain-reach.js';
import type { NodeRecord, Role } from './node.js';
import { destinationUri } from './node.js';
import { byNodeId } from './view.js';
import { consumersOf } from './wiring.js';

/** One destination of the node on one Kamailio. */
interface Cell {
  readonly consumer: string;
  readonly setid: number;
  /** Null: it is active there. */
  readonly fault: Fault | null;
  /** "AP", or what is wrong. */
  readonly text: string;
  /** Wall clock in ms of the reading or the proof; null when there is none. */
  readonly atMs: number | null;
  /** False: taken from its proof, or its proof is still to come. */
  readonly isSeen: boolean;
}

/** More than these are counted, not named. */
const MAX_NAMED = 6;
const MAX_DETAILS = 10;
/** The gravest first: it decides what is said. */
const GRAVITY: readonly Fault[] = ['drift', 'unproven', 'behind', 'probed-out'];

/** What every Kamailio that should send it calls runs. Pure. */
export function liveStep(facts: ExplainFacts, record: NodeRecord): Step {
  const consumers = consumersIn(facts);
  if (consumers.length === 0) return nobody(facts, record);
  const cells = consumers.flatMap((consumer) =>
    consumer.places.map((place) => cellOf(facts, consumer, place)),
  );
  const details = [...wrongLines(cells), ...awayLines(facts)].slice(0, MAX_DETAILS);
  const fault = GRAVITY.find((one) => cells.some((cell) => cell.fault === one));
  const times = { details, atMs: oldest(cells) };
  const text = cellsText(cells);
  if (fault !== undefined) return breaks('live', text, endingOf(record, fault, cells), times);
  if (cells.every(({ isSeen }) => isSeen)) return holds('live', text, times);
  return unseen('live', text, times);
}

function cellOf(
  facts: ExplainFacts,
  { nodeId }: Consumer,
  place: Consumer['places'][number],
): Cell {
  const { setid, destination } = place;
  const list = facts.live.find((one) => one.nodeId === nodeId);
  if (list === undefined || 'error' in list) return provenCell(facts, nodeId, setid);
  const found = list.list.find((d) => d.setid === setid && d.destination === destination);
  const cell = { consumer: nodeId, setid, atMs: list.readAtMs, isSeen: true };
  if (found === undefined) return { ...cell, fault: 'drift', text: 'not listed' };
  const { letters } = found;
  if (letters.startsWith('D')) return { ...cell, fault: 'drift', text: `disabled (${letters})` };
  if (!letters.startsWith('A')) {
    return {
      ...cell,
      fault: 'probed-out',
      text: `${letters.startsWith('T') ? 'on trial' : 'inactive'} (${letters})`,
    };
  }
  const active = `active (${letters})`;
  const isProven = facts.generation === null || hasProven(facts, nodeId, setid);
  return {
    ...cell,
    fault: null,
    text: isProven ? active : `${active}, not yet proven`,
    isSeen: isProven,
  };
}

/** Its list could not be read from here: what it proved counts. */
function provenCell(facts: ExplainFacts, consumer: string, setid: number): Cell {
  const applied = facts.applied.get(consumer);
  const atMs = applied?.provenAtMs ?? null;
  const cell = { consumer, setid, atMs, isSeen: true };
  if (applied === undefined) return { ...cell, fault: 'unproven', text: 'has proved nothing yet' };
  if (applied.drift !== null) return { ...cell, fault: 'drift', text: `differs: ${applied.drift}` };
  if (hasProven(facts, consumer, setid))
    return { ...cell, fault: null, text: 'as in the table, by its proof' };
  const newest = facts.generation?.generation ?? 0;
  const text = `runs generation ${applied.generation} of ${newest}`;
  return { ...cell, fault: 'behind', text };
}

/** "set 30: disp-1 AP · disp-2 AP", or counted when there are many. */
function cellsText(cells: readonly Cell[]): string {
  const setids = [...new Set(cells.map(({ setid }) => setid))];
  return setids
    .map((setid) =>
      setText(
        setid,
        cells.filter((c) => c.setid === setid),
      ),
    )
    .join('; ');
}

function setText(setid: number, cells: readonly Cell[]): string {
  if (cells.length <= MAX_NAMED) {
    const named = cells.map(({ consumer, text }) => `${consumer} ${text.split(':')[0] ?? ''}`);
    return `set ${setid}: ${named.join(' · ')}`;
  }
  const good = cells.filter(({ fault }) => fault === null).length;
  return `set ${setid}: active on ${good} of ${cells.length} Kamailios`;
}

function wrongLines(cells: readonly Cell[]): string[] {
  return cells
    .filter(({ fault, text }) => fault !== null && (cells.length > MAX_NAMED || text.includes(':')))
    .map(({ consumer, text }) => `${consumer} ${text}`);
}

/** Kamailios that would send it calls, were they up. */
function awayLines(facts: ExplainFacts): string[] {
  return away(facts).map(({ nodeId, state }) => `${nodeId} is ${state} and sends no calls`);
}

function away(facts: ExplainFacts): NodeRecord[] {
  const roles = consumerRoles(facts);
  return [...facts.nodes.values()]
    .map(({ record }) => record)
    .filter(({ role, state }) => roles.includes(role) && state !== 'up' && state !== 'draining')
    .sort(byNodeId);
}

function consumerRoles(facts: ExplainFacts): Role[] {
  const roles = placesIn(facts).flatMap(({ setid }) => consumersOf(facts.wiring, setid));
  return [...new Set(roles)];
}

function nobody(facts: ExplainFacts, record: NodeRecord): Step {
  const sets = placesIn(facts).map(({ setid }) => setid);
  const none = `no Kamailio consumes set ${sets.join(', ')} now`;
  if (record.role === 'load-balancer') {
    return holds('live', `${none}; calls come to a load-balancer from outside`);
  }
  const roles = consumerRoles(facts);
  const role = roles[0] ?? 'dispatcher';
  const ending = {
    fault: 'no-consumer',
    cause: `no Kamailio consumes set ${sets.join(', ')}`,
    meaning: `Its row is right, but no ${roles.join(' or ')} is up that could send it calls: new calls for it have nowhere to come from.`,
    next: [`carna nodes --role ${role}`, 'carna topology'],
  } as const;
  const details = awayLines(facts).slice(0, MAX_DETAILS);
  return breaks('live', `${none}: no ${roles.join(' or ')} is up`, ending, { details });
}

function endingOf(record: NodeRecord, fault: Fault, cells: readonly Cell[]): Ending {
  const ill = [...new Set(cells.filter((c) => c.fault === fault).map((c) => c.consumer))];
  const who = ill.length <= 3 ? ill.join(', ') : `${ill.length} Kamailios`;
  const [first = ''] = ill;
  const setid = cells.find((cell) => cell.fault === fault)?.setid ?? 0;
  const next = [`carna explain ${first}`, `carna dispatcher --set ${setid}`];
  if (fault !== 'probed-out') {
    const { one, many, meaning } =
      LIST_FAULTS[fault === 'behind' || fault === 'unproven' ? fault : 'drift'];
    return { fault, cause: `${who} ${ill.length === 1 ? one : many}`, meaning, next };
  }
  const endpoint = record.sip[0];
  const uri = endpoint === undefined ? '' : destinationUri(endpoint);
  const meaning = cells.every((cell) => cell.fault === fault)
    ? 'The table says active, but nobody who should send it calls gets an answer. Its agent asks it on the ' +
      'host itself: likely its published address is wrong, or a firewall stands between.'
    : `The others get answers: likely a firewall or a route between ${who} and this node.`;
  const cause = `${who} ${ill.length === 1 ? 'gets no answer to its' : 'get no answer to their'} own OPTIONS`;
  return {
    fault,
    cause,
    meaning,
    next: [`on the host of ${first}: sipsak -vv -s ${uri}`, ...next],
  };
}

/** What it means that a Kamailio's list is not what the table says. */
const LIST_FAULTS = {
  drift: {
    one: 'does not run what the table says',
    many: 'do not run what the table says',
    meaning:
      'The agent beside it heals that by itself within 30 s, unless it cannot reach PostgreSQL or its Kamailio.',
  },
  behind: {
    one: 'runs an older generation',
    many: 'run an older generation',
    meaning:
      'Its list is as it was: calls go by that. The agent beside it takes the newest table over as soon as it reaches ' +
      'PostgreSQL and its Kamailio.',
  },
  unproven: {
    one: 'has proved nothing yet',
    many: 'have proved nothing yet',
    meaning:
      'Whether it sends calls cannot be told: its Kamailio or its agent has just started, or is stuck.',
  },
} as const;

function oldest(cells: readonly Cell[]): number | null {
  const times = cells.flatMap(({ atMs }) => (atMs === null ? [] : [atMs]));
  return times.length === 0 ? null : Math.min(...times);
}
