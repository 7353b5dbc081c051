import { InvalidInputError } from '../util/errors.js';
import type { Store } from './pool.js';

const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** Creates a database unless it exists; the store's user must be allowed to. True when it was made now. */
export async function createDatabase(store: Store, name: string): Promise<boolean> {
  if (!NAME.test(name)) {
    throw new InvalidInputError('database name', `expected ${NAME.source}, found ${name}`);
  }
  const found = await store.query({
    text: 'SELECT 1 FROM pg_database WHERE datname = $1',
    values: [name],
  });
  if (found.length > 0) return false;
  await store.query({ text: `CREATE DATABASE ${name}` }); // An identifier cannot be a parameter.
  return true;
}
