import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import { lintText } from '../render/lint-text.js';

/** `carna lint FILE…`. */
export function registerLint(program: Command, context: Context): void {
  program
    .command('lint')
    .description(
      'what Marathon would drop in silence, refuse or turn into lost calls, in its definitions',
    )
    .argument('<file...>', 'apps, groups or pods as JSON')
    .option('--json', 'one JSON object; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Marathon ignores members that it does not know, and its defaults are made for web servers. Each finding names
the place, the reason, what was expected and what to do. Whoever sets CARNA_ROLE is a SIP node: more rules hold.
Nothing is sent anywhere. Exit code 0 when nothing was found, 1 when something was, 2 when a file cannot be read.
Examples:
  carna lint media.json
  carna lint marathon/*.json --json`,
    )
    .action(async (files: readonly string[], options: { readonly json?: true }) => {
      context.exitCode = await lintCommand(context, files, options);
    });
}

async function lintCommand(
  context: Context,
  files: readonly string[],
  options: { readonly json?: true },
): Promise<ExitCode> {
  // Loads zod: not for --help.
  const { lintFacts, lintFile } = await import('../lint-files.js');
  const facts = lintFacts();
  const linted = files.map((file) => lintFile(file, facts));
  if (options.json === true) context.print(jsonLine({ schema: JSON_SCHEMA, files: linted }));
  else context.print(...lintText(linted, context.paint));
  if (linted.some(({ error }) => error !== null)) return EXIT.usage;
  return linted.every(({ findings }) => findings.length === 0) ? EXIT.done : EXIT.no;
}
