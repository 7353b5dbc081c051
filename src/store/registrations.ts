import type { Contact } from '../topology/contact.js';
import { likePattern } from './like-pattern.js';
import type { NamePattern } from './like-pattern.js';
import type { Store } from './pool.js';
import { HOLDS_NOW } from './subscribers.js';

export interface ContactQuery {
  readonly pattern: NamePattern;
  /** At most so many, by domain, user and the order in which a call tries them. */
  readonly limit: number;
  /** Also those that expired and still stand in the table. */
  readonly withExpired: boolean;
}

export interface ContactPage {
  readonly contacts: readonly Contact[];
  /** How many match, also those beyond the limit. */
  readonly total: number;
  /** How many users these are of. */
  readonly users: number;
  /** How many came through each edge: `host:port` or `host` of the Path's first URI, null = without a Path. */
  readonly edges: readonly { readonly address: string | null; readonly contacts: number }[];
  /** Wall clock of the database in ms at the reading: what `expiresAtMs` is compared with. */
  readonly asOfMs: number;
}

/** `expires` and `last_modified` are UTC without saying so. */
const asMs = (column: string): string =>
  `(extract(epoch FROM ${column} AT TIME ZONE 'UTC') * 1000)::double precision`;

const COLUMNS = `l.username AS "user", coalesce(l.domain, '') AS domain, l.contact,
  nullif(l.received, '') AS received, nullif(l.path, '') AS path,
  CASE WHEN l.expires = 'epoch' THEN NULL ELSE ${asMs('l.expires')} END AS "expiresAtMs",
  ${asMs('l.last_modified')} AS "registeredAtMs", nullif(l.q, -1)::double precision AS q,
  nullif(nullif(l.user_agent, ''), 'n/a') AS "userAgent", nullif(l.socket, '') AS socket,
  nullif(l.instance, '') AS instance, l.callid AS "callId", l.cseq`;

const MATCHES = `l.username LIKE $1 AND coalesce(l.domain, '') LIKE $2 AND ($3 OR ${HOLDS_NOW})`;

/** Contacts that match, with how many there are in all. */
export async function readContacts(store: Store, query: ContactQuery): Promise<ContactPage> {
  const { user, domain } = likePattern(query.pattern);
  const values = [user, domain, query.withExpired];
  const [contacts, edges, [sums]] = await Promise.all([
    store.query<Contact>({
      text: `SELECT ${COLUMNS} FROM public.location l WHERE ${MATCHES}
              ORDER BY l.domain, l.username, l.q DESC, l.last_modified DESC, l.ruid LIMIT $4`,
      values: [...values, query.limit],
    }),
    store.query<{ address: string | null; contacts: number }>({
      text: `SELECT substring(l.path from 'sips?:(?:[^@;>,]*@)?([^;>,]*)') AS address, count(*)::int AS contacts
               FROM public.location l WHERE ${MATCHES} GROUP BY 1 ORDER BY 2 DESC, 1`,
      values,
    }),
    store.query<{ total: number; users: number; asOfMs: number }>({
      text: `SELECT count(*)::int AS total, count(DISTINCT (l.username, l.domain))::int AS users,
                    (extract(epoch FROM now()) * 1000)::double precision AS "asOfMs"
               FROM public.location l WHERE ${MATCHES}`,
      values,
    }),
  ]);
  const { total = 0, users = 0, asOfMs = 0 } = sums ?? {};
  return { contacts: [...contacts], total, users, edges, asOfMs };
}
