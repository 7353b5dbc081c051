import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { InitConfig } from '../config/init.js';
import { loadInitConfig } from '../config/init.js';
import type { LoginOptions } from '../store/group-roles.js';
import { migrate } from '../store/migrate.js';
import { openStore } from '../store/pool.js';
import { openConfiguredRegistry } from './configured-registry.js';
import type { Context } from './context.js';
import { createLogins, readLogins } from './init-logins.js';
import { createLogger } from './logger.js';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

interface InitOptions {
  readonly kamailioSchemaDir: string;
  /** Folder with the database URLs of the logins to make; null = none. */
  readonly loginsDir: string | null;
}

/** Migrates the database, makes the logins, then the persistent znodes; says what it did. */
export async function initPlatform(context: Context, options: InitOptions): Promise<void> {
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const config = loadInitConfig(context.proc.env, readFile);
  const log = createLogger({ level: config.logLevel, base: { command: 'init' } });
  const { loginsDir, kamailioSchemaDir } = options;
  const logins = loginsDir === null ? [] : readLogins(loginsDir, readFile);
  await initDatabase(context, config, { kamailioSchemaDir, logins }, log);
  await initRegistry(context, config, log);
}

async function initDatabase(
  context: Context,
  config: InitConfig,
  wanted: { readonly kamailioSchemaDir: string; readonly logins: readonly LoginOptions[] },
  log: Logger,
): Promise<void> {
  const store = openStore({
    url: config.databaseUrl,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    log,
  });
  try {
    const { applied, missingRoles } = await migrate(store, wanted);
    context.print(applied.length === 0 ? 'database   up to date' : 'database   migrated:');
    context.print(...applied.map((file) => `           ${file}`));
    if (missingRoles.length > 0) {
      context.print(
        `           roles missing, since this user may not create them: ${missingRoles.join(', ')}`,
        `           as a superuser: CREATE ROLE name NOLOGIN for each, then carna init again`,
      );
    }
    await createLogins(store, wanted.logins);
    context.print(...wanted.logins.map(({ user, role }) => `login      ${user} (${role})`));
  } finally {
    await store.close();
  }
}

async function initRegistry(context: Context, config: InitConfig, log: Logger): Promise<void> {
  const registry = openConfiguredRegistry(config, log);
  try {
    await registry.whenConnected(CONNECT_TIMEOUT_MS);
    await registry.initialise();
    context.print(`znodes     ready below /carna/${config.cluster}/${config.dc}`);
  } finally {
    await registry.close();
  }
}
