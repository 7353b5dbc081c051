import type { Command } from 'commander';
import type { OverrideRecord } from '../../topology/node.js';
import { CarnaError, UsageError, messageOf } from '../../util/errors.js';
import { MAX_SETID, parseDeadline, parseText, wholeUpTo } from '../arguments.js';
import { isAgreed, operatorName } from '../consent.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { GuardJson } from '../json-shapes.js';
import type { OperatorData } from '../operator-data.js';
import { guardText, overrideWarning, refusalsText } from '../render/guard-text.js';
import { formatDuration } from '../render/units.js';
import { witnessText } from '../render/witness-text.js';

const DEFAULT_FOR_MS = 10 * 60_000;
/** Longer than that nobody still knows why. */
const MAX_FOR_MS = 60 * 60_000;
const MAX_REFUSALS = 100;

interface OverrideOptions {
  readonly for: number;
  readonly why?: string;
  readonly by?: string;
  readonly yes?: true;
  readonly json?: true;
}

/** `carna guard` and `carna guard override SET`. */
export function registerGuard(program: Command, context: Context): void {
  const guard = program
    .command('guard')
    .description('what the guards hold back, why, and since when')
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
A guard keeps rows as they are that nobody's word explains: the last one of a set, more than a quarter of a
set within a minute, or any while most nodes are silent or the reconciler's own connection was just broken.
So is a set of which PostgreSQL, gone back in time, lost all rows: the Kamailios keep their lists of it.
It ends by itself when the nodes publish again. Nodes of which the reconciler's own OPTIONS say something else
than their agents are listed below the holds, and then the writes of a deposed leader that PostgreSQL refused in
the last day (nothing to do: the newer leader's rows stand). Exit code 1 while something is held.
Examples:
  carna guard
  carna guard override 30 --for 10m --why "rack 4 is really gone"`,
    )
    .action(async (options: { readonly json?: true }) => {
      context.exitCode = await withOperatorData(context, (data) =>
        guardCommand(context, data, options),
      );
    });
  guard
    .command('override')
    .description('say that the guards of a set are wrong: its held changes are made, once')
    .argument('<setid>', 'destination set', wholeUpTo(MAX_SETID))
    .option(
      '--for <duration>',
      'how long the word counts if nothing uses it, at most 1h',
      parseDeadline,
      DEFAULT_FOR_MS,
    )
    .option('--why <text>', 'reason, shown to everybody who looks', parseText)
    .option('--by <name>', 'who says so (default: $USER)', parseText)
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
It is used up by the first change that it lets through. Examples:
  carna guard override 30
  carna guard override 30 --for 10m --why "rack 4 is really gone" --yes`,
    )
    .action(async (setid: number, options: OverrideOptions) => {
      context.exitCode = await withOperatorData(context, (data) =>
        overrideCommand(context, data, setid, options),
      );
    });
}

async function guardCommand(
  context: Context,
  data: OperatorData,
  options: { readonly json?: true },
): Promise<ExitCode> {
  const topology = await data.readTopology();
  const held = topology.generation?.held ?? [];
  const overrides = [...topology.overrides.values()];
  const nowMs = context.clock.wallMs();
  const refused = await refusalsOf(data);
  if (options.json === true) {
    const { asOfMs, isFresh } = topology;
    const witnessed = topology.generation?.witnessed ?? null;
    const known = { asOfMs, isFresh, held, overrides, witnessed };
    context.print(jsonLine({ schema: JSON_SCHEMA, ...known, ...refused }));
  } else {
    context.print(
      ...guardText(held, overrides, context.paint, nowMs),
      ...witnessText(topology.generation?.witnessed, context.paint, nowMs),
      ...refusalsText(refused.refusals, refused.refusalsError, nowMs),
    );
  }
  return held.length === 0 ? EXIT.done : EXIT.no;
}

/** They stand in PostgreSQL; without it what the guards hold is told all the same. */
async function refusalsOf(
  data: OperatorData,
): Promise<Pick<GuardJson, 'refusals' | 'refusalsError'>> {
  try {
    return { refusals: await data.readRefusals(MAX_REFUSALS), refusalsError: null };
  } catch (err) {
    if (!(err instanceof CarnaError)) throw err;
    return { refusals: null, refusalsError: messageOf(err) };
  }
}

async function overrideCommand(
  context: Context,
  data: OperatorData,
  setid: number,
  options: OverrideOptions,
): Promise<ExitCode> {
  if (options.for > MAX_FOR_MS) {
    throw new UsageError(`expected --for of at most 1h, found ${formatDuration(options.for)}`);
  }
  const { generation } = await data.readTopology();
  const held = (generation?.held ?? []).filter((one) => one.setid === setid);
  if (held.length === 0) {
    context.printError(`nothing is held back in set ${setid}; see: carna guard`);
    return EXIT.no;
  }
  const isYes = options.yes === true;
  const isJson = options.json === true;
  const question = `Override the guards of set ${setid}? [y/N] `;
  const warning = (): readonly string[] => overrideWarning(setid, held);
  if (!(await isAgreed(context, { verb: 'override', warning, question, isYes, isJson }))) {
    context.printError('nothing was changed');
    return EXIT.no;
  }
  const record = newOverride(context, setid, options);
  await data.writeOverride(record);
  if (isJson) {
    context.print(jsonLine({ schema: JSON_SCHEMA, did: 'overridden', override: record }));
  } else {
    const until = formatDuration(record.until - record.since);
    context.print(
      `set ${setid}: its held changes may be made, once, within ${until}. See: carna guard`,
    );
  }
  return EXIT.done;
}

function newOverride(context: Context, setid: number, options: OverrideOptions): OverrideRecord {
  const since = context.clock.wallMs();
  const by = options.by ?? operatorName(context);
  return { schema: 1, setid, by, why: options.why ?? '', since, until: since + options.for };
}
