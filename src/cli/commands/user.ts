import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Aor } from '../../topology/account.js';
import { parseAor, parseKnownAor, parseNumbers } from '../../topology/account.js';
import type { AskedPattern } from '../arguments.js';
import { DEFAULT_LIMIT, EVERYBODY, parsedBy, parseLimit, parseNamePattern } from '../arguments.js';
import type { Context } from '../context.js';
import type { UserAddOptions } from '../user/add.js';
import type { UserListOptions } from '../user/list.js';
import type { UserPasswordOptions } from '../user/password.js';
import type { UserRemoveOptions } from '../user/remove.js';

const JSON_HELP = 'one JSON object; src/cli/telephony-json.ts';

/** `carna user`: who may register and call. Handlers are imported when they run. */
export function registerUser(program: Command, context: Context): void {
  const user = program
    .command('user')
    .description('who may register and call: add, list, remove, new password')
    .addHelpText(
      'after',
      `
A user is user@domain. Its password is never stored: the table keeps the hashes that a phone's answer is
compared with. Changing users needs CARNA_MANAGER_DATABASE_URL, a login of the group role carna_manager.
Examples:
  carna user add alice@example.org --number +442079460123
  carna user list 'a*'
  carna user passwd alice@example.org --generate
  carna user remove alice@example.org`,
    );
  registerAdd(user, context);
  registerList(user, context);
  registerPassword(user, context);
  registerRemove(user, context);
}

/** Several --number, each perhaps a list. */
function collectNumbers(text: string, before: readonly string[] = []): readonly string[] {
  const numbers = parsedBy(parseNumbers)(text);
  const twice = numbers.find((one) => before.includes(one));
  if (twice !== undefined)
    throw new InvalidArgumentError(`expected ${twice} once, found it twice.`);
  return [...before, ...numbers];
}

/** The ways in which a password is given. */
function withPassword(command: Command): Command {
  return command
    .option('--password-stdin', 'read the password from standard input')
    .option('--generate', 'make a password and print it, this once')
    .option('--json', JSON_HELP);
}

function registerAdd(user: Command, context: Context): void {
  const add = user
    .command('add')
    .description('add a user; asks for the password without showing it')
    .argument('<user@domain>', 'name of the new user', parsedBy(parseAor))
    .option('--number <number>', 'E.164 number of the user; may be repeated', collectNumbers);
  withPassword(add)
    .addHelpText(
      'after',
      `
In force at the next request. Exit code 1 when the user exists or a number belongs to another.
Examples:
  carna user add alice@example.org
  carna user add alice@example.org --number +442079460123 --number +442079460124 --generate
  pass show sip/alice | carna user add alice@example.org --password-stdin`,
    )
    .action(async (aor: Aor, options: UserAddOptions) => {
      const { addUserCommand } = await import('../user/add.js');
      context.exitCode = await addUserCommand(context, aor, options);
    });
}

function registerList(user: Command, context: Context): void {
  user
    .command('list')
    .description('users, their numbers, whether they are registered now')
    .argument(
      '[pattern]',
      "user@domain, * for any text; without @ a user or a number ('+44*')",
      parseNamePattern,
    )
    .option('--limit <n>', 'how many at most', parseLimit, DEFAULT_LIMIT)
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Exit code 1 when none matches.
Examples:
  carna user list
  carna user list '*@example.org' --limit 1000
  carna user list --json | jq -r '.users[] | select(.contacts == 0).aor'`,
    )
    .action(async (pattern: AskedPattern | undefined, options: UserListOptions) => {
      const { listUsersCommand } = await import('../user/list.js');
      context.exitCode = await listUsersCommand(context, pattern ?? EVERYBODY, options);
    });
}

function registerPassword(user: Command, context: Context): void {
  const passwd = user
    .command('passwd')
    .description('give a user another password; asks for it without showing it')
    .argument('<user@domain>', 'name of the user', parsedBy(parseKnownAor));
  withPassword(passwd)
    .addHelpText(
      'after',
      `
In force at the next request: a registration stands until it expires, to renew it the phone needs the new
password. Exit code 1 when there is no such user.
Examples:
  carna user passwd alice@example.org
  carna user passwd alice@example.org --generate`,
    )
    .action(async (aor: Aor, options: UserPasswordOptions) => {
      const { passwordCommand } = await import('../user/password.js');
      context.exitCode = await passwordCommand(context, aor, options);
    });
}

function registerRemove(user: Command, context: Context): void {
  user
    .command('remove')
    .description('remove a user and its numbers')
    .argument('<user@domain>', 'name of the user', parsedBy(parseKnownAor))
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
In force at the next request. Registrations stay until they expire; it says how many. Exit code 1 when there
is no such user.
Examples:
  carna user remove alice@example.org
  carna user remove alice@example.org --yes`,
    )
    .action(async (aor: Aor, options: UserRemoveOptions) => {
      const { removeUserCommand } = await import('../user/remove.js');
      context.exitCode = await removeUserCommand(context, aor, options);
    });
}
