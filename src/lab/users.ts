import { createHash } from 'node:crypto';
import type { Store } from '../store/pool.js';
import { addTrunk } from '../store/trunks.js';
import { ALL_NUMBERS } from '../topology/trunk.js';
import type { LabPlan } from './plan.js';
import { SIP_PORT, trunkAddress } from './plan.js';
import { LAB_SIP_DOMAIN } from './secrets.js';

/** How many users a lab has from the beginning: phone-1 to phone-20. */
export const LAB_USERS = 20;
/** Ways out, in the order in which they are tried. */
export const LAB_TRUNKS = 2;

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

/**
 * Makes the trunks of the lab: `lab-load`, from whose address the load comes without a password, and two by
 * which every number goes out, the first before the second. Repeatable.
 */
export async function ensureLabTrunks(store: Store, plan: LabPlan): Promise<void> {
  const common = { transport: 'udp', prefix: ALL_NUMBERS, cap: 0, strip: 0, add: '' } as const;
  const load = { host: plan.caller, port: SIP_PORT, priority: 0, weight: 0, source: true };
  await addTrunk(store, { ...common, ...load, name: 'lab-load' });
  for (let n = 1; n <= LAB_TRUNKS; n++) {
    const way = { ...trunkAddress(plan, n), priority: LAB_TRUNKS - n, weight: 1, source: false };
    await addTrunk(store, { ...common, ...way, name: `lab-trunk-${n}` });
  }
}
