import { InvalidArgumentError } from 'commander';
import type { NamePattern } from '../store/like-pattern.js';
import type { Parsed } from '../topology/account.js';
import { parseDuration } from './render/units.js';

/** A parser of whole numbers above 0 for commander; `what` names the number in the message. */
export function parseCount(what: string): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (/^\d{1,9}$/.test(text) && n > 0) return n;
    throw new InvalidArgumentError(`expected ${what} above 0.`);
  };
}

/** A parser of whole numbers from 0 to `max` for commander. */
export function wholeUpTo(max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,10}$/.test(text) && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`expected a whole number from 0 to ${max}.`);
  };
}

/** PostgreSQL's integer, in which the numbers of destination sets stand. */
export const MAX_SETID = 2_147_483_647;

const MAX_DURATION_MS = 7 * 24 * 3600 * 1000;

/** Reads `90s`, `30m`, `2h`, `1h30m` as ms for commander. */
export function parseDeadline(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms <= MAX_DURATION_MS) return ms;
  throw new InvalidArgumentError('expected a duration like 90s, 30m or 1h30m, at most 7d.');
}

/** A nodeId as it can stand in a znode's name. */
export function parseNodeId(text: string): string {
  if (/^[\w.-]{1,200}$/.test(text)) return text;
  throw new InvalidArgumentError('expected a node id: letters, digits, dots, dashes, underscores.');
}

/** The same, or `dc/nodeId` for a node of another data centre. */
export function parseNodeName(text: string): string {
  if (!text.includes('/')) return parseNodeId(text);
  if (/^[a-z0-9-]{1,32}\/[\w.-]{1,200}$/.test(text)) return text;
  throw new InvalidArgumentError('expected a node id, or dc/node of another data centre.');
}

/** An address or a name of a host. */
export function parseHost(text: string): string {
  if (/^[\w.:[\]-]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError('expected an address or the name of a host.');
}

const MAX_TEXT = 160;

/** One line for people, kept in the registry. */
export function parseText(text: string): string {
  if (text.length <= MAX_TEXT && !/[\u0000-\u001f\u007f]/.test(text)) return text;
  throw new InvalidArgumentError(`expected one line of at most ${MAX_TEXT} characters.`);
}

/** A parser for commander from one that tells what was expected and found. */
export function parsedBy<T>(parse: (text: string) => Parsed<T>): (text: string) => T {
  return (text) => {
    const parsed = parse(text);
    if (parsed.kind === 'ok') return parsed.value;
    throw new InvalidArgumentError(`${parsed.why}.`);
  };
}

/** A pattern as it was typed, and what it means. */
export interface AskedPattern extends NamePattern {
  readonly text: string;
}

/** What stands for no pattern at all. */
export const EVERYBODY: AskedPattern = { text: '*', user: '*', domain: '*' };

/** Reads `user@domain` with `*` and `?`; without `@` the user part, of any domain. */
export function parseNamePattern(text: string): AskedPattern {
  const plain = text.replace(/^sips?:/, '').toLowerCase();
  if (!/^[\w.~+*?-]{1,64}(?:@[a-z0-9.*?-]{1,64})?$/.test(plain)) {
    throw new InvalidArgumentError('expected user@domain, * for any text, without @ a user.');
  }
  const [user = '*', domain = '*'] = plain.split('@');
  return { text, user, domain };
}

/** What lists print at most unless --limit says otherwise. */
export const DEFAULT_LIMIT = 200;
export const MAX_LIMIT = 100_000;

/** A parser of --limit for commander. */
export function parseLimit(text: string): number {
  const n = Number(text);
  if (/^\d{1,6}$/.test(text) && n > 0 && n <= MAX_LIMIT) return n;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_LIMIT}.`);
}
