import { readFileSync } from 'node:fs';
import { ConfigError } from '../util/errors.js';
import type { AccountData } from './account-data.js';
import type { Context } from './context.js';

/**
 * Runs `work` with users and trunks and closes them afterwards. Throws ConfigError, also when `need` is to
 * change something and no manager's login is set, and what `work` throws.
 */
export async function withAccounts<T>(
  context: Context,
  need: 'read' | 'change',
  work: (data: AccountData) => Promise<T>,
): Promise<T> {
  // Loads zod: not for --help.
  const { loadAccountConfig } = await import('../config/cli.js');
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const config = await loadAccountConfig(context.proc.env, readFile, context.ports.endpointSource);
  if (need === 'change' && config.managerDatabaseUrl === null) throw new ConfigError([NO_MANAGER]);
  const data = await context.ports.openAccounts(config);
  try {
    return await work(data);
  } finally {
    await data.close();
  }
}

const NO_MANAGER =
  'CARNA_MANAGER_DATABASE_URL (or CARNA_MANAGER_DATABASE_URL_FILE): expected a login of the group role carna_manager, which may change users and trunks, found nothing';
