import type { Command } from 'commander';
import { Option } from 'commander';
import type { Context } from '../context.js';
import type { CallCliOptions } from '../lab/call.js';
import { phoneNumber, positive, refusal } from './lab-arguments.js';

/** `carna lab call`. */
export function registerCall(lab: Command, context: Context): void {
  lab
    .command('call')
    .description(
      'put real SIP calls on the lab: load (sipp), phone to phone, or out through a trunk',
    )
    .option('--rate <n>', 'new calls a second (50; 10 with --users or --out)', positive)
    .option('--calls <n>', 'how many calls (500; 100 with --users or --out)', positive)
    .option('--length <ms>', 'how long each call lasts once answered', positive, 2_000)
    .option('--users', 'phones register, and as many others call them')
    .option('--phones <n>', 'how many of them, with --users or --out', positive, 5)
    .option('--reinvite', 'each call gets a re-INVITE half-way')
    .option('--hold', 'each call is held and taken back half-way')
    .addOption(
      new Option('--bye <side>', 'who hangs up').choices(['caller', 'callee']).default('caller'),
    )
    .option('--transfer', 'each called phone is sent on to a third one (REFER)')
    .addOption(
      new Option('--out <+number>', 'call this number through the two trunks of the lab')
        .argParser(phoneNumber)
        .conflicts('users'),
    )
    .option('--refuse <status>', 'with --out: the first trunk answers so', refusal)
    .addOption(
      new Option('--register <n>', 'only register so many phones')
        .argParser(positive)
        .conflicts(['users', 'out']),
    )
    .option('--expires <s>', 'for how long they register', positive, 3_600)
    .option('--keep', 'they stay, answer calls, and leave at Ctrl-C')
    .option(
      '--json',
      'one JSON object; CallReport in src/lab/calls/report.ts, without the single calls',
    )
    .addHelpText(
      'after',
      `
Exit code 1 when a call failed, or a called side was left in one.
Examples:
  carna lab call --rate 50 --calls 500
  carna lab call --users --calls 100 --reinvite --bye callee
  carna lab call --users --transfer --calls 10
  carna lab call --out +4930123456 --refuse 503
  carna lab call --register 1000
  carna lab call --register 20 --keep`,
    )
    .action(async (options: CallCliOptions) => {
      const { callCommand } = await import('../lab/call.js');
      await callCommand(context, options);
    });
}
