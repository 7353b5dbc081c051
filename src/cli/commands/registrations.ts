import type { Command } from 'commander';
import { parseSipAddress } from '../../topology/contact.js';
import { contactView, edgeView } from '../../topology/whereabouts.js';
import type { AskedPattern } from '../arguments.js';
import { DEFAULT_LIMIT, EVERYBODY, parseLimit, parseNamePattern } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { RegistrationsJson } from '../telephony-json.js';
import { readNodePlaces } from '../node-places.js';
import { registrationsText } from '../render/registrations-text.js';

interface Options {
  readonly limit: number;
  readonly all?: true;
  readonly json?: true;
}

/** `carna registrations [AOR]`. */
export function registerRegistrations(program: Command, context: Context): void {
  program
    .command('registrations')
    .description('one line per registered phone: where it is, through which edge, how long')
    .argument(
      '[aor]',
      "user@domain, * for any text ('*@example.org'); without @ a user",
      parseNamePattern,
    )
    .option('--limit <n>', 'how many lines at most', parseLimit, DEFAULT_LIMIT)
    .option('--all', 'also those that expired and still stand in the table')
    .option('--json', 'one JSON object; src/cli/telephony-json.ts')
    .addHelpText(
      'after',
      `
Reads the durable copy in PostgreSQL, which a registrar writes before it says 200 OK. Exit code 1 when no
registration matches.
Examples:
  carna registrations
  carna registrations alice@example.org
  carna registrations '*@example.org' --json | jq -r '.contacts[].edge.nodeId' | sort | uniq -c`,
    )
    .action(async (aor: AskedPattern | undefined, options: Options) => {
      context.exitCode = await registrationsCommand(context, aor ?? EVERYBODY, options);
    });
}

async function registrationsCommand(
  context: Context,
  pattern: AskedPattern,
  options: Options,
): Promise<ExitCode> {
  return withOperatorData(context, async (data, config) => {
    const query = { pattern, limit: options.limit, withExpired: options.all === true };
    const [page, places] = await Promise.all([
      data.readContacts(query),
      readNodePlaces(context, data),
    ]);
    const edges = page.edges.map(({ address, contacts }) => {
      const at = address === null ? null : parseSipAddress(`sip:${address}`);
      const nodeId = at === null ? null : edgeView(at, places.nodes).nodeId;
      return { address, nodeId, contacts };
    });
    const { total, users, asOfMs } = page;
    const found: RegistrationsJson = {
      schema: JSON_SCHEMA,
      cluster: config.cluster,
      dc: config.dc,
      asOfMs,
      nodesError: places.error,
      total,
      users,
      edges,
      contacts: page.contacts.map((contact) => contactView(contact, places.nodes, asOfMs)),
    };
    if (options.json === true) context.print(jsonLine(found));
    else context.print(...registrationsText(found, pattern.text, context.paint, context.width()));
    return total === 0 ? EXIT.no : EXIT.done;
  });
}
