import { join } from 'node:path';
import type { GroupRole, LoginOptions } from '../store/group-roles.js';
import { createLogin, kamailioGroup } from '../store/group-roles.js';
import type { Store } from '../store/pool.js';
import { KAMAILIO_ROLES } from '../topology/node.js';
import { InvalidInputError, MissingPartError } from '../util/errors.js';

/** The files of a deployment's secrets that hold the database URL of a login, and the group role of each. */
export const LOGIN_FILES: readonly (readonly [file: string, role: GroupRole])[] = [
  ['reconciler-database-url', 'carna_writer'],
  ['agent-database-url', 'carna_reader'],
  ['manager-database-url', 'carna_manager'],
  ...KAMAILIO_ROLES.map((role) => [`kamailio-db-url-${role}`, kamailioGroup(role)] as const),
];

/**
 * The logins that the files of a folder name, in the order of LOGIN_FILES; a file that is not there is left out.
 *
 * Throws MissingPartError when none is there or one cannot be read, InvalidInputError when one holds no URL
 * with user and password. No message holds what a file says.
 */
export function readLogins(
  dir: string,
  readFile: (path: string) => string,
): readonly LoginOptions[] {
  const logins = LOGIN_FILES.flatMap(([file, role]) => {
    const text = readOptional(join(dir, file), readFile);
    return text === null ? [] : [{ ...userOf(file, text.trim()), role }];
  });
  if (logins.length > 0) return logins;
  const names = LOGIN_FILES.map(([file]) => file).join(', ');
  throw new MissingPartError(`${dir} names no login`, `expected one of the files ${names} in it`);
}

/** Creates each login, or sets the password of one that is there. Throws StoreRefusedError when we may not. */
export async function createLogins(store: Store, logins: readonly LoginOptions[]): Promise<void> {
  for (const login of logins) await createLogin(store, login);
}

function readOptional(path: string, readFile: (path: string) => string): string | null {
  try {
    return readFile(path);
  } catch (err) {
    const code = (err as NodeJS.ErrnoException).code ?? 'an error';
    if (code === 'ENOENT') return null;
    throw new MissingPartError(`${path} cannot be read: ${code}`, 'let the user of carna read it');
  }
}

function userOf(file: string, text: string): Pick<LoginOptions, 'user' | 'password'> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username === '' || url.password === '') {
    throw new InvalidInputError(file, 'expected postgres://user:password@host:port/database');
  }
  return { user: decode(url.username), password: decode(url.password) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A bare percent sign stands for itself.
  }
}
