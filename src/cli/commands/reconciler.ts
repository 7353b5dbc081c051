import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';

/** `carna reconciler`. */
export function registerReconciler(program: Command, context: Context): void {
  program
    .command('reconciler')
    .description('daemon that keeps the dispatcher table equal to the topology; run two')
    .addHelpText(
      'after',
      `
Everything is configured by the environment (README: Settings). Several may run: one leads, the others
stand by warm. SIGTERM hands leadership over at once.
Example:
  CARNA_ZOOKEEPER=zk1:2181,zk2:2181 CARNA_DATABASE_URL_FILE=/etc/carna/database-url carna reconciler`,
    )
    .action(async () => {
      const { runReconcilerDaemon } = await import('../daemons/reconciler.js');
      await runReconcilerDaemon(process);
      context.exitCode = EXIT.done;
    });
}
