/** The chain from a SIP server to its calls, in this order; `task` only where a scheduler is configured. */
export const LINK_NAMES = [
  'task',
  'process',
  'checks',
  'registry',
  'intent',
  'guard',
  'row',
  'live',
  'calls',
] as const;
export type LinkName = (typeof LINK_NAMES)[number];

/** `unknown`: it could not be seen from here; the chain goes on. */
export type LinkState = 'ok' | 'broken' | 'unknown';

/** One link with its fact; of the three times at most one is set, wall clock in ms. */
export interface Link {
  readonly link: LinkName;
  readonly state: LinkState;
  /** One line for people, without the age. */
  readonly text: string;
  /** Since when it is so. */
  readonly sinceMs: number | null;
  /** When it was seen or said. */
  readonly atMs: number | null;
  /** Until when it is so. */
  readonly untilMs: number | null;
  /** Further lines. */
  readonly details: readonly string[];
}

/** How a chain can be broken; stable. */
export type Fault =
  | 'not-running'
  | 'checks-fail'
  | 'quarantined'
  | 'unsupervised'
  | 'silent'
  | 'unwitnessed'
  | 'gone'
  | 'unpublished'
  | 'refused'
  | 'starting'
  | 'down'
  | 'draining'
  | 'disagreed'
  | 'held'
  | 'unlisted-role'
  | 'conflict'
  | 'foreign-row'
  | 'invalid-row'
  | 'row-due'
  | 'no-consumer'
  | 'probed-out'
  | 'drift'
  | 'behind'
  | 'unproven'
  | 'full';

/** What a broken link means. */
export interface Ending {
  readonly fault: Fault;
  /** Short, after "gets no new calls: ". */
  readonly cause: string;
  /** Whole sentences: what follows, and what happens by itself. */
  readonly meaning: string;
  /** Commands to paste, or what to do on the host. */
  readonly next: readonly string[];
}

/** A link, and what it means when it is broken. */
export interface Step {
  readonly link: Link;
  readonly ending: Ending | null;
}

type Times = Partial<Pick<Link, 'sinceMs' | 'atMs' | 'untilMs' | 'details'>>;

/** A link that holds. Pure. */
export function holds(link: LinkName, text: string, times: Times = {}): Step {
  return { link: linkOf(link, 'ok', text, times), ending: null };
}

/** A link that nobody could look at. Pure. */
export function unseen(link: LinkName, text: string, times: Times = {}): Step {
  return { link: linkOf(link, 'unknown', text, times), ending: null };
}

/** The link at which the chain ends. Pure. */
export function breaks(link: LinkName, text: string, ending: Ending, times: Times = {}): Step {
  return { link: linkOf(link, 'broken', text, times), ending };
}

function linkOf(link: LinkName, state: LinkState, text: string, times: Times): Link {
  return { link, state, text, sinceMs: null, atMs: null, untilMs: null, details: [], ...times };
}
