import type { Logger } from 'pino';
import { createDatabase } from '../store/create-database.js';
import { createLogin } from '../store/group-roles.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../store/migrate.js';
import { openStore } from '../store/pool.js';
import { KAMAILIO_ROLES } from '../topology/node.js';
import type { LabContext } from './daemon-env.js';
import { openLabRegistry } from './lab-registry.js';
import { postgresUrl } from './parts/postgres.js';
import { kamailioLogin, LAB_DATABASE, LAB_LOGINS } from './secrets.js';
import { ensureLabTrunks, ensureLabUsers, LAB_USERS } from './users.js';

const TIMEOUT_MS = 10_000;

/** What an operator does once with `carna init`: database, tables, one login per job, znodes. */
export async function initialisePlatform(context: LabContext, log: Logger): Promise<void> {
  await Promise.all([initialiseDatabase(context, log), initialiseRegistry(context, log)]);
}

async function initialiseDatabase(context: LabContext, log: Logger): Promise<void> {
  const at = { ...context.plan.postgres, password: context.secrets.superuserPassword };
  const limits = { connectTimeoutMs: TIMEOUT_MS, statementTimeoutMs: TIMEOUT_MS, log };
  const server = openStore({ url: postgresUrl(at, 'postgres'), ...limits });
  try {
    await createDatabase(server, LAB_DATABASE);
  } finally {
    await server.close();
  }
  const store = openStore({ url: postgresUrl(at, LAB_DATABASE), ...limits });
  try {
    const kamailioSchemaDir =
      context.env['CARNA_KAMAILIO_SCHEMA_DIR'] ?? DEBIAN_KAMAILIO_SCHEMA_DIR;
    await migrate(store, { kamailioSchemaDir });
    const { reconcilerPassword, readerPassword, managerPassword } = context.secrets;
    await createLogin(store, { ...LAB_LOGINS.reconciler, password: reconcilerPassword });
    await createLogin(store, { ...LAB_LOGINS.reader, password: readerPassword });
    await createLogin(store, { ...LAB_LOGINS.manager, password: managerPassword });
    for (const role of KAMAILIO_ROLES) {
      const password = context.secrets.kamailioPasswords[role];
      await createLogin(store, { ...kamailioLogin(role), password });
    }
    await ensureLabUsers(store, LAB_USERS, context.secrets.userPassword);
    await ensureLabTrunks(store, context.plan);
  } finally {
    await store.close();
  }
}

async function initialiseRegistry(context: LabContext, log: Logger): Promise<void> {
  const registry = openLabRegistry(context, log);
  try {
    await registry.whenConnected(TIMEOUT_MS);
    await registry.initialise();
  } finally {
    await registry.close();
  }
}
