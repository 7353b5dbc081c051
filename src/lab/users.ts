import { createHash } from 'node:crypto';
import type { Store } from '../store/pool.js';
import { LAB_SIP_DOMAIN } from './secrets.js';

/** How many users a lab has from the beginning: phone-1 to phone-20. */
export const LAB_USERS = 20;

/** The user part of phone number `n` (from 1): `phone-7`. */
export function labUser(n: number): string {
  return `phone-${n}`;
}

/** Makes phone-1 to phone-`count`, all with one password of this run, of which the database gets digests only. Repeatable. */
export async function ensureLabUsers(store: Store, count: number, password: string): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => labUser(index + 1));
  await store.query({
    text: `INSERT INTO subscriber (username, domain, password, ha1, ha1b)
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
      ON CONFLICT (username, domain) DO NOTHING`,
    values: [
      names,
      names.map(() => LAB_SIP_DOMAIN),
      names.map(() => ''),
      names.map((name) => ha1(name, password)),
      names.map((name) => ha1(`${name}@${LAB_SIP_DOMAIN}`, password)),
    ],
  });
}

function ha1(user: string, password: string): string {
  return createHash('md5').update(`${user}:${LAB_SIP_DOMAIN}:${password}`).digest('hex');
}
