import type {
  AddResult,
  RemoveResult,
  Secrets,
  User,
  UserPage,
  UserQuery,
} from '../store/subscribers.js';
import type { Aor } from '../topology/account.js';
import type { Trunk } from '../topology/trunk.js';

/**
 * Users and trunks, as operators keep them.
 *
 * The connection opens at first use. Reading works with the login of operators too, changing needs the
 * manager's. Every call has a deadline and rejects with a CarnaError when PostgreSQL is away or refuses.
 */
export interface AccountData {
  readUsers(query: UserQuery): Promise<UserPage>;
  /** Null when there is none. */
  readUser(aor: Aor): Promise<User | null>;
  /** Users whose names begin like that one, at most `limit`. */
  readSimilarUsers(aor: Aor, limit: number): Promise<readonly Aor[]>;
  /** Who has a number. */
  readOwners(number: string): Promise<readonly Aor[]>;
  addUser(aor: Aor, secrets: Secrets, numbers: readonly string[]): Promise<AddResult>;
  /** False when there is no such user. */
  setSecrets(aor: Aor, secrets: Secrets): Promise<boolean>;
  removeUser(aor: Aor): Promise<RemoveResult>;
  readTrunks(): Promise<readonly Trunk[]>;
  /** False when the name is taken. */
  addTrunk(trunk: Trunk): Promise<boolean>;
  /** False when there is none of that name. */
  removeTrunk(name: string): Promise<boolean>;
  /** Ends all connections; safe to call twice. */
  close(): Promise<void>;
}
