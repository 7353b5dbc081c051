import type { Command } from 'commander';
import type { Context } from '../context.js';

interface Options {
  readonly kamailioSchema: string;
  readonly logins?: string;
}

/** `carna init`. */
export function registerInit(program: Command, context: Context): void {
  program
    .command('init')
    .description("create or update Carna's tables and znodes; harmless to repeat")
    .option(
      '--kamailio-schema <dir>',
      "folder of Kamailio's own PostgreSQL schema files, loaded when its tables are missing",
      '/usr/share/kamailio/postgres',
    )
    .option(
      '--logins <dir>',
      'make the database logins that the files *-database-url and kamailio-db-url-ROLE of this folder name',
    )
    .addHelpText(
      'after',
      `
Needs CARNA_ZOOKEEPER and CARNA_DATABASE_URL with a user that may create tables (roles too, if it may).
Example:
  CARNA_ZOOKEEPER=zk1:2181 CARNA_DATABASE_URL_FILE=/root/admin-url carna init --logins /etc/carna/secrets`,
    )
    .action(async (options: Options) => {
      const { initPlatform } = await import('../init-platform.js');
      await initPlatform(context, {
        kamailioSchemaDir: options.kamailioSchema,
        loginsDir: options.logins ?? null,
      });
    });
}
