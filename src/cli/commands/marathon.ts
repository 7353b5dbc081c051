import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { AppName } from '../../marathon/render/values.js';
import { APP_NAMES } from '../../marathon/render/values.js';
import { messageOf, MissingPartError } from '../../util/errors.js';
import { packageRoot } from '../../util/package-root.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';

interface RenderOptions {
  readonly role?: AppName;
  readonly out?: string;
  readonly pods?: true;
}

/** `carna marathon …`. */
export function registerMarathon(program: Command, context: Context): void {
  const marathon = program
    .command('marathon')
    .description('the definitions with which Marathon runs a data centre');
  marathon
    .command('values')
    .description('print an example of the values file, every setting explained')
    .action(() => context.print(readExample()));
  marathon
    .command('render')
    .description('make the definitions of a data centre from its values file')
    .argument('<values>', 'YAML; see: carna marathon values')
    .option('--role <app>', `only this app: ${APP_NAMES.join(' | ')}`, parseApp)
    .option('--out <folder>', 'write group.json and a file for each app there')
    .option('--pods', 'nodes as pods: read marathon/README.md on what is lost with them')
    .addHelpText(
      'after',
      `
Prints the group as JSON, as carna deploy takes it. What is rendered is checked like carna lint does, and nothing
is printed when something is found. No secret is read or written: tasks find theirs in a folder of their host.
Nothing is sent anywhere. Exit code 0, 1 when carna lint would refuse the definitions, 2 with mistakes in the values.
Examples:
  carna marathon values > dc1.yaml
  carna marathon render dc1.yaml | jq '.apps[].id'
  carna marathon render dc1.yaml --role media
  carna marathon render dc1.yaml --pods --role dispatcher
  carna marathon render dc1.yaml --out rendered && carna deploy rendered/group.json`,
    )
    .action(async (file: string, options: RenderOptions) => {
      context.exitCode = await renderCommand(context, file, options);
    });
}

async function renderCommand(
  context: Context,
  file: string,
  { role, out, pods }: RenderOptions,
): Promise<ExitCode> {
  // Loads zod and yaml: not for --help.
  const { readValues } = await import('../marathon/read-values.js');
  const definitions = await import('../marathon/definitions.js');
  const { lintFacts } = await import('../lint-files.js');
  const { faultsText, findingsText } = await import('../render/marathon-text.js');
  const read = readValues(file);
  if (read.kind === 'faulty') {
    context.printError(...faultsText(file, read.faults, context.paintError));
    return EXIT.usage;
  }
  const rendered = definitions.renderDefinitions(read.values, {
    app: role ?? null,
    isForFolder: out !== undefined,
    isPods: pods === true,
  });
  const findings = definitions.lintRendered(rendered, lintFacts());
  if (findings.length > 0) {
    context.printError(...findingsText(file, findings, context.paintError));
    return EXIT.no;
  }
  if (out !== undefined) context.print(...definitions.writeDefinitions(out, rendered));
  else context.print(...rendered.map(({ definition }) => definitions.definitionText(definition)));
  return EXIT.done;
}

/** Throws MissingPartError. */
function readExample(): string {
  const path = join(packageRoot(), 'marathon/values.example.yaml');
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (err) {
    throw new MissingPartError(
      `the example is not there: ${messageOf(err)}`,
      'install Carna whole, with its folder marathon/',
    );
  }
}

function parseApp(text: string): AppName {
  const app = APP_NAMES.find((name) => name === text);
  if (app === undefined) throw new InvalidArgumentError(`expected ${APP_NAMES.join(' | ')}.`);
  return app;
}
