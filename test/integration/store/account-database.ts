import { createLogin } from '../../../src/store/group-roles.js';
import type { Store } from '../../../src/store/pool.js';
import type { TestDatabase } from './database.js';
import { PASSWORD, startDatabase } from './database.js';

/** A database with users and trunks, as those see it who may change them and who may only read. */
export interface AccountDatabase {
  readonly db: TestDatabase;
  /** Of the group role carna_manager. */
  readonly manager: Store;
  /** Of the group role carna_reader. */
  readonly reader: Store;
  /** Another session of the reader's login, with what was set for it since. */
  readonly openReader: () => Store;
  /** Removes every user, number, registration and trunk. */
  readonly empty: () => Promise<void>;
}

/** Starts it; `db.close()` ends it with every session. */
export async function startAccounts(): Promise<AccountDatabase> {
  const db = await startDatabase();
  await createLogin(db.store, { ...loginOf('carna_manager'), password: LOGIN_PASSWORD });
  await createLogin(db.store, { ...loginOf('carna_reader'), password: LOGIN_PASSWORD });
  const open = (role: LoginRole): Store =>
    db.open(db.url.replace(`postgres:${PASSWORD}`, `${loginOf(role).user}:${LOGIN_PASSWORD}`));
  return {
    db,
    manager: open('carna_manager'),
    reader: open('carna_reader'),
    openReader: () => open('carna_reader'),
    empty: async () => {
      for (const table of TABLES) await db.store.query({ text: `DELETE FROM ${table}` });
    },
  };
}

type LoginRole = 'carna_manager' | 'carna_reader';

const LOGIN_PASSWORD = 'its-own';
const TABLES = ['public.subscriber', 'public.dbaliases', 'public.location', 'carna.trunk'];

function loginOf(role: LoginRole): { readonly user: string; readonly role: LoginRole } {
  return { user: `u_${role}`, role };
}
