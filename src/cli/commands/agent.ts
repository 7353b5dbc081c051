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
Everything is configured by the environment (README: The agent, Settings). SIGTERM drains: no new call, the
present ones end, then the server stops. Repeated SIGTERM changes nothing; carna drain NODE --now shortens it.
An agent that ends in any other way leaves its server running: the next one on the same CARNA_STATE_DIR (or in
the same container) takes it over, calls and all.

Exit codes: 0 drained · 2 faults in the configuration · 3 crash loop of the server, or something is missing
that no retry brings · 70 a bug.
Examples:
  CARNA_ROLE=media CARNA_NODE_ID=media-1 CARNA_SIP_HOST=10.0.3.11 CARNA_STATE_DIR=/var/lib/carna \\
    CARNA_SERVER_COMMAND='["freeswitch","-nf","-nc"]' … carna agent
  CARNA_ROLE=dispatcher CARNA_SERVER_IMAGE=carna/kamailio:1 CARNA_STATE_DIR=/run/carna … carna agent
  CARNA_RUNTIME=observe CARNA_OBSERVE_LABEL=role=media … carna agent`,
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
