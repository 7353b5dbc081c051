import type { AccountConfig } from '../config/cli.js';
import type { Store } from '../store/pool.js';
import { openStore } from '../store/pool.js';
import {
  addUser,
  readOwners,
  readSimilarUsers,
  readUser,
  readUsers,
  removeUser,
  setSecrets,
} from '../store/subscribers.js';
import { addTrunk, readTrunks, removeTrunk } from '../store/trunks.js';
import { ConfigError } from '../util/errors.js';
import type { AccountData } from './account-data.js';
import { createLogger } from './logger.js';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 5_000;

/** Users and trunks in the real database, by the manager's login where it is set. Connects at the first use. */
export function openLiveAccounts(config: AccountConfig): AccountData {
  let opened: Store | null = null;
  const store = (): Store => {
    const url = config.managerDatabaseUrl ?? config.databaseUrl;
    if (url === null) {
      throw new ConfigError([
        'CARNA_DATABASE_URL (or CARNA_DATABASE_URL_FILE): this command needs the database, found nothing',
      ]);
    }
    // The screen belongs to the command's own words unless another level was asked for.
    const level = config.logLevel === 'info' ? 'silent' : config.logLevel;
    opened ??= openStore({
      url,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      log: createLogger({ level, base: {} }),
    });
    return opened;
  };
  return {
    readUsers: async (query) => readUsers(store(), query),
    readUser: async (aor) => readUser(store(), aor),
    readSimilarUsers: async (aor, limit) => readSimilarUsers(store(), aor, limit),
    readOwners: async (number) => readOwners(store(), number),
    addUser: async (aor, secrets, numbers) => addUser(store(), aor, secrets, numbers),
    setSecrets: async (aor, secrets) => setSecrets(store(), aor, secrets),
    removeUser: async (aor) => removeUser(store(), aor),
    readTrunks: async () => readTrunks(store()),
    addTrunk: async (trunk) => addTrunk(store(), trunk),
    removeTrunk: async (name) => removeTrunk(store(), name),
    close: async () => {
      await opened?.close();
    },
  };
}
