import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { InitConfig } from '../config/init.js';
import { loadInitConfig } from '../config/init.js';
import { migrate } from '../store/migrate.js';
import { openStore } from '../store/pool.js';
import { openConfiguredRegistry } from './configured-registry.js';
import type { Context } from './context.js';
import { createLogger } from './logger.js';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/** Migrates the database, then makes the persistent znodes; says what it did. */
export async function initPlatform(
  context: Context,
  options: { readonly kamailioSchemaDir: string },
): Promise<void> {
  const config = loadInitConfig(context.proc.env, (path) => readFileSync(path, 'utf8'));
  const log = createLogger({ level: config.logLevel, base: { command: 'init' } });
  await initDatabase(context, config, options.kamailioSchemaDir, log);
  await initRegistry(context, config, log);
}

async function initDatabase(
  context: Context,
  config: InitConfig,
  kamailioSchemaDir: string,
  log: Logger,
): Promise<void> {
  const store = openStore({
    url: config.databaseUrl,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    log,
  });
  try {
    const { applied, missingRoles } = await migrate(store, { kamailioSchemaDir });
    context.print(applied.length === 0 ? 'database   up to date' : 'database   migrated:');
    context.print(...applied.map((file) => `           ${file}`));
    if (missingRoles.length > 0) {
      context.print(
        `           roles missing, since this user may not create them: ${missingRoles.join(', ')}`,
        `           as a superuser: CREATE ROLE name NOLOGIN for each, then carna init again`,
      );
    }
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
