import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';

/** `carna agent`. */
export function registerAgent(program: Command, context: Context): void {
  program
    .command('agent')
    .description('daemon beside one SIP server: starts, checks, publishes and drains it')
    .addHelpText(
      'after',
      `
Everything is configured by the environment (README: Settings). SIGTERM drains: no new call, the present
ones end, then the server stops and the agent exits with 0. A crash loop of the server exits with 3.
Example:
  CARNA_ROLE=media CARNA_NODE_ID=media-1 CARNA_SIP_HOST=10.0.3.11 … carna agent`,
    )
    .action(async () => {
      // Before the daemon is loaded. It mostly waits, and the machine's memory belongs to the SIP server:
      // collecting earlier keeps it some 10 MB smaller until V8 gets round to it, sometimes for minutes.
      setFlagsFromString('--optimize-for-size');
      const { runAgentDaemon } = await import('../daemons/agent.js');
      await runAgentDaemon(process);
      context.exitCode = EXIT.done;
    });
}
