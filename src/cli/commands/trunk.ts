import type { Command } from 'commander';
import { isNumber } from '../../topology/account.js';
import {
  MAX_CAP,
  MAX_PRIORITY,
  MAX_STRIP,
  MAX_TRIES,
  MAX_WEIGHT,
  parseAddedDigits,
  parsePrefix,
  parseTrunkName,
  parseTrunkUri,
} from '../../topology/trunk.js';
import { parsedBy, wholeUpTo } from '../arguments.js';
import type { Context } from '../context.js';
import type { TrunkAddOptions } from '../trunk/add.js';
import type { TrunkListOptions } from '../trunk/list.js';
import type { TrunkRemoveOptions } from '../trunk/remove.js';

const JSON_HELP = 'one JSON object; src/cli/telephony-json.ts';

/** `carna trunk`: the ways to and from carriers. Handlers are imported when they run. */
export function registerTrunk(program: Command, context: Context): void {
  const trunk = program
    .command('trunk')
    .description('the ways to and from carriers: add, list, remove')
    .addHelpText(
      'after',
      `
A call to a number tries the trunks of the longest prefix first, among those the highest priority, among
those by weight; at most ${MAX_TRIES} of them. Changing trunks needs CARNA_MANAGER_DATABASE_URL, a login of the group role
carna_manager.
Examples:
  carna trunk add carrier-a --to sip:203.0.113.5 --prefix +44 --cap 30 --source
  carna trunk list +442079460123
  carna trunk remove carrier-a`,
    );
  registerAdd(trunk, context);
  registerList(trunk, context);
  registerRemove(trunk, context);
}

function registerAdd(trunk: Command, context: Context): void {
  trunk
    .command('add')
    .description('add a trunk')
    .argument('<name>', 'its name, in call records and lists', parsedBy(parseTrunkName))
    .requiredOption(
      '--to <uri>',
      'sip:host[:port][;transport=udp|tcp|tls] of the carrier',
      parsedBy(parseTrunkUri),
    )
    .option(
      '--prefix <prefix>',
      'carries numbers that begin so, "+" = all; without it, no call goes out by it',
      parsedBy(parsePrefix),
    )
    .option('--priority <n>', 'the higher is tried first', wholeUpTo(MAX_PRIORITY), 0)
    .option('--weight <n>', 'share of the calls among equals', wholeUpTo(MAX_WEIGHT), 1)
    .option('--cap <n>', 'calls at once, 0 = no limit', wholeUpTo(MAX_CAP), 0)
    .option('--strip <n>', 'characters off the number, the + counts', wholeUpTo(MAX_STRIP), 0)
    .option('--add <digits>', 'put in front of the number then', parsedBy(parseAddedDigits), '')
    .option('--source', 'calls from its address come in by it, without a password')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Known to every dispatcher within a second. Exit code 1 when the name is taken. Examples:
  carna trunk add carrier-a --to sip:203.0.113.5 --prefix +44 --cap 30 --source
  carna trunk add spare --to 'sip:sip.example.net:5061;transport=tls' --prefix + --strip 1 --add 00
  carna trunk add inbound --to sip:198.51.100.7 --source`,
    )
    .action(async (name: string, options: TrunkAddOptions) => {
      const { addTrunkCommand } = await import('../trunk/add.js');
      context.exitCode = await addTrunkCommand(context, name, options);
    });
}

function registerList(trunk: Command, context: Context): void {
  trunk
    .command('list')
    .description('all trunks; of a number those that a call to it tries, in order')
    .argument('[number]', 'E.164 number: + and digits', parsedBy(parseNumber))
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
A number that a user has takes no trunk: it says whose it is. Exit code 1 when there is none. Examples:
  carna trunk list
  carna trunk list +442079460123`,
    )
    .action(async (number: string | undefined, options: TrunkListOptions) => {
      const { listTrunksCommand } = await import('../trunk/list.js');
      context.exitCode = await listTrunksCommand(context, number ?? null, options);
    });
}

function parseNumber(text: string): ReturnType<typeof parsePrefix> {
  if (isNumber(text)) return { kind: 'ok', value: text };
  const why = `expected a number like +442079460123, found ${JSON.stringify(text)}`;
  return { kind: 'fault', why };
}

function registerRemove(trunk: Command, context: Context): void {
  trunk
    .command('remove')
    .description('remove a trunk')
    .argument('<name>', 'its name', parsedBy(parseTrunkName))
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Calls that stand on it go on. Exit code 1 when there is none of that name. Examples:
  carna trunk remove carrier-a
  carna trunk remove carrier-a --yes`,
    )
    .action(async (name: string, options: TrunkRemoveOptions) => {
      const { removeTrunkCommand } = await import('../trunk/remove.js');
      context.exitCode = await removeTrunkCommand(context, name, options);
    });
}
