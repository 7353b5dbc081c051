import type { Aor } from '../topology/account.js';
import { aorText } from '../topology/account.js';
import { likePattern } from './like-pattern.js';
import type { NamePattern } from './like-pattern.js';
import type { QueryFunction, Store } from './pool.js';
import { cutText } from '../util/cut-text.js';

/** A user as operators see it; what proves its password is never read. */
export interface User extends Aor {
  /** In order. */
  readonly numbers: readonly string[];
  /** Where it is registered now. */
  readonly contacts: number;
}

export interface UserQuery {
  readonly pattern: NamePattern;
  /** At most so many, by domain and name. */
  readonly limit: number;
}

export interface UserPage {
  readonly users: readonly User[];
  /** How many match, also those beyond the limit. */
  readonly total: number;
}

/** What is kept of a password. */
export interface Secrets {
  readonly ha1: string;
  readonly ha1b: string;
}

export type AddResult =
  | { readonly kind: 'added' }
  | { readonly kind: 'user-exists' }
  /** `by` is `user@domain`. */
  | { readonly kind: 'number-taken'; readonly number: string; readonly by: string };

/** What was there before a user was removed; null = nothing. */
export type RemoveResult = Pick<User, 'numbers' | 'contacts'> | null;

/** Rows of `location` that hold now; Kamailio writes UTC, and 1970 for what never expires. */
export const HOLDS_NOW = `(l.expires > (now() AT TIME ZONE 'UTC') OR l.expires = 'epoch')`;

const NUMBERS = `coalesce((SELECT array_agg(a.alias_username::text ORDER BY a.alias_username)
    FROM public.dbaliases a WHERE a.username = s.username AND a.domain = s.domain), '{}')`;
const CONTACTS = `(SELECT count(*)::int FROM public.location l
    WHERE l.username = s.username AND l.domain = s.domain AND ${HOLDS_NOW})`;

/** Users that match, by domain and name; a number matches the user that has it. */
export async function readUsers(store: Store, query: UserQuery): Promise<UserPage> {
  const { user, domain } = likePattern(query.pattern);
  const rows = await store.query<User & { readonly total: number }>({
    text: `SELECT s.username AS "user", s.domain, ${NUMBERS} AS numbers, ${CONTACTS} AS contacts,
                  (count(*) OVER ())::int AS total
             FROM (SELECT username, domain FROM public.subscriber) s
            WHERE s.domain LIKE $2 AND (s.username LIKE $1 OR EXISTS (
                    SELECT 1 FROM public.dbaliases a WHERE a.username = s.username
                       AND a.domain = s.domain AND a.alias_username LIKE $1))
            ORDER BY s.domain, s.username LIMIT $3`,
    values: [user, domain, query.limit],
  });
  return {
    users: rows.map(({ user: name, domain: at, numbers, contacts }) => {
      return { user: name, domain: at, numbers, contacts };
    }),
    total: rows[0]?.total ?? 0,
  };
}

/** The one user of that name; null when there is none. */
export async function readUser(store: Store, aor: Aor): Promise<User | null> {
  const [row] = await store.query<User>({
    text: `SELECT s.username AS "user", s.domain, ${NUMBERS} AS numbers, ${CONTACTS} AS contacts
             FROM (SELECT username, domain FROM public.subscriber) s
            WHERE s.username = $1 AND s.domain = $2`,
    values: [aor.user, aor.domain],
  });
  return row ?? null;
}

/** Users of any domain whose names begin with the same letter, at most `limit`: among them a misspelt one. */
export async function readSimilarUsers(
  store: Store,
  aor: Aor,
  limit: number,
): Promise<readonly Aor[]> {
  const { user, domain } = likePattern({ user: `${cutText(aor.user, 1)}*`, domain: '*' });
  return store.query<Aor>({
    text: `SELECT username AS "user", domain FROM public.subscriber
            WHERE username LIKE $1 AND domain LIKE $2
            ORDER BY domain = $3 DESC, username, domain LIMIT $4`,
    values: [user, domain, aor.domain, limit],
  });
}

/** The users that have a number; more than one only when others than we wrote the table. */
export async function readOwners(store: Store, number: string): Promise<readonly Aor[]> {
  return store.query<Aor>({
    text: `SELECT DISTINCT username AS "user", domain FROM public.dbaliases
            WHERE alias_username = $1 ORDER BY 2, 1`,
    values: [number],
  });
}

/** Adds a user with its numbers, all or nothing. A number belongs to one user of all domains. */
export async function addUser(
  store: Store,
  aor: Aor,
  secrets: Secrets,
  numbers: readonly string[],
): Promise<AddResult> {
  return inTransaction<AddResult>(store, async (query) => {
    // The table has no index that would refuse a second owner; readers are not held up by this.
    await query('LOCK TABLE public.dbaliases IN SHARE ROW EXCLUSIVE MODE');
    const [taken] = await query<{ number: string } & Aor>(
      `SELECT alias_username AS number, username AS "user", domain FROM public.dbaliases
        WHERE alias_username = ANY($1) ORDER BY 1 LIMIT 1`,
      [numbers],
    );
    const added = await query(
      `INSERT INTO public.subscriber (username, domain, password, ha1, ha1b)
       VALUES ($1, $2, '', $3, $4) ON CONFLICT (username, domain) DO NOTHING RETURNING id`,
      [aor.user, aor.domain, secrets.ha1, secrets.ha1b],
    );
    if (added.length === 0) return { keep: false, result: { kind: 'user-exists' } };
    if (taken !== undefined) {
      const { number } = taken;
      return { keep: false, result: { kind: 'number-taken', number, by: aorText(taken) } };
    }
    await query(
      `INSERT INTO public.dbaliases (alias_username, alias_domain, username, domain)
       SELECT number, $2, $1, $2 FROM unnest($3::text[]) number`,
      [aor.user, aor.domain, numbers],
    );
    return { keep: true, result: { kind: 'added' } };
  });
}

/** Puts another password in place; false when there is no such user. */
export async function setSecrets(store: Store, aor: Aor, secrets: Secrets): Promise<boolean> {
  const rows = await store.query({
    text: `UPDATE public.subscriber SET password = '', ha1 = $3, ha1b = $4
            WHERE username = $1 AND domain = $2 RETURNING id`,
    values: [aor.user, aor.domain, secrets.ha1, secrets.ha1b],
  });
  return rows.length > 0;
}

/** Removes a user and its numbers. Its registrations are the registrars': they stay until they expire. */
export async function removeUser(store: Store, aor: Aor): Promise<RemoveResult> {
  return inTransaction<RemoveResult>(store, async (query) => {
    const key = [aor.user, aor.domain];
    const gone = await query(
      'DELETE FROM public.subscriber WHERE username = $1 AND domain = $2 RETURNING id',
      key,
    );
    const numbers = await query<{ number: string }>(
      `DELETE FROM public.dbaliases WHERE username = $1 AND domain = $2
       RETURNING alias_username AS number`,
      key,
    );
    if (gone.length === 0) return { keep: false, result: null };
    const [left] = await query<{ contacts: number }>(
      `SELECT count(*)::int AS contacts FROM public.location l
        WHERE l.username = $1 AND l.domain = $2 AND ${HOLDS_NOW}`,
      key,
    );
    const result = {
      numbers: numbers.map(({ number }) => number).sort(),
      contacts: left?.contacts ?? 0,
    };
    return { keep: true, result };
  });
}

/** Runs `work` in one transaction that is rolled back when it says so; a rejection rolls back as well. */
async function inTransaction<T>(
  store: Store,
  work: (query: QueryFunction) => Promise<{ readonly keep: boolean; readonly result: T }>,
): Promise<T> {
  return store.withConnection(async (query) => {
    await query('BEGIN');
    const { keep, result } = await work(query);
    await query(keep ? 'COMMIT' : 'ROLLBACK');
    return result;
  });
}
