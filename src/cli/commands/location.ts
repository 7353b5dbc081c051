import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Aor } from '../../topology/account.js';
import { aorText, isNumber, parseKnownAor } from '../../topology/account.js';
import { contactView } from '../../topology/whereabouts.js';
import { MAX_LIMIT } from '../arguments.js';
import type { CliConfig } from '../../config/cli.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { readNodePlaces } from '../node-places.js';
import type { OperatorData } from '../operator-data.js';
import { locationText } from '../render/location-text.js';
import { printUnknownUser } from '../render/user-text.js';
import type { LocationJson } from '../telephony-json.js';

interface Options {
  readonly all?: true;
  readonly json?: true;
}

/** `carna location AOR`. */
export function registerLocation(program: Command, context: Context): void {
  program
    .command('location')
    .description('where a phone is, and what a call to it would do now')
    .argument('<aor>', 'user@domain, or a number of a user', parseAsked)
    .option('--all', 'also registrations that expired and still stand in the table')
    .option('--json', 'one JSON object; src/cli/telephony-json.ts')
    .addHelpText(
      'after',
      `
Reads the durable copy in PostgreSQL: a registrar writes it before it says 200 OK, so it is as new as what the
phone was told, but for registrations taken while PostgreSQL was away: these follow within 2 s of its return.
Exit code 1 when no call would get through: the user is unknown, not registered, or its edge does not run.
Examples:
  carna location alice@example.org
  carna location +442079460123
  carna location alice@example.org --json | jq -r '.contacts[].edge.nodeId'`,
    )
    .action(async (asked: string, options: Options) => {
      context.exitCode = await withOperatorData(context, (data, config) =>
        locationCommand(context, data, config, asked, options),
      );
    });
}

function parseAsked(text: string): string {
  const plain = text.replace(/^sips?:/, '');
  if (isNumber(plain)) return plain;
  const parsed = parseKnownAor(plain);
  if (parsed.kind === 'ok') return aorText(parsed.value);
  throw new InvalidArgumentError(
    `expected user@domain or a number like +442079460123, found ${JSON.stringify(text)}.`,
  );
}

const SIMILAR = 200;

async function locationCommand(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  asked: string,
  options: Options,
): Promise<ExitCode> {
  const aor = await aorOf(data, asked);
  if (aor === null) {
    context.printError(
      `error: no user has the number ${asked}`,
      `  next: carna trunk list ${asked} shows whether a call to it goes out; carna user list '${asked.slice(0, 5)}*'`,
    );
    return EXIT.no;
  }
  const found = await locate(context, data, config, { asked, aor, withExpired: true });
  const shown = options.all === true ? found : { ...found, contacts: currentOf(found) };
  if (options.json === true) context.print(jsonLine(shown));
  else if (found.status === 'unknown') {
    printUnknownUser(context, aor, await data.readSimilarUsers(aor, SIMILAR));
  } else {
    const text = locationText(shown, lastSeenMs(found), context.paint, context.width());
    context.print(...text);
  }
  return shown.contacts.some(({ isReachable }) => isReachable) ? EXIT.done : EXIT.no;
}

/** The user that was named, or that has the number. */
async function aorOf(data: OperatorData, asked: string): Promise<Aor | null> {
  if (isNumber(asked)) return (await data.readOwners(asked))[0] ?? null;
  const parsed = parseKnownAor(asked);
  return parsed.kind === 'ok' ? parsed.value : null;
}

interface Asked {
  readonly asked: string;
  readonly aor: Aor;
  readonly withExpired: boolean;
}

async function locate(
  context: Context,
  data: OperatorData,
  { cluster, dc }: CliConfig,
  { asked, aor, withExpired }: Asked,
): Promise<LocationJson> {
  // Kamailio keeps registrations in lower case.
  const pattern = { user: aor.user.toLowerCase(), domain: aor.domain };
  const [user, page, places] = await Promise.all([
    data.readUser(aor),
    data.readContacts({ pattern, limit: MAX_LIMIT, withExpired }),
    readNodePlaces(context, data),
  ]);
  const contacts = page.contacts.map((one) => contactView(one, places.nodes, page.asOfMs));
  const isRegistered = contacts.some(({ isExpired }) => !isExpired);
  const known = isRegistered ? 'registered' : 'not-registered';
  const strange = isRegistered ? 'registered-unknown' : 'unknown';
  return {
    schema: JSON_SCHEMA,
    cluster,
    dc,
    asOfMs: page.asOfMs,
    nodesError: places.error,
    asked,
    aor: aorText(aor),
    status: user === null ? strange : known,
    numbers: user?.numbers ?? [],
    contacts,
  };
}

function currentOf({ contacts }: LocationJson): LocationJson['contacts'] {
  return contacts.filter(({ isExpired }) => !isExpired);
}

/** When the newest registration came, also of those that expired; null when none stands in the table. */
function lastSeenMs({ contacts }: LocationJson): number | null {
  return contacts.length === 0 ? null : Math.max(...contacts.map((one) => one.registeredAtMs));
}
