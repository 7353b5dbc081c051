import type { Command } from 'commander';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { orLastKnown } from '../last-known.js';
import type { TasksAnswer } from '../marathon-tasks.js';
import { askTasks } from '../marathon-tasks.js';
import { printLastKnown } from '../render/last-known-text.js';
import { pictureJson, pictureText, takePicture } from '../topology-picture.js';
import { watchTopology } from '../topology-watch.js';

/** A single look ends by its own deadlines. */
const NEVER = new AbortController().signal;

interface Options {
  readonly watch?: true;
  readonly json?: true;
}

/** `carna topology`. */
export function registerTopology(program: Command, context: Context): void {
  program
    .command('topology')
    .description('what runs, how it is, and what is wrong')
    .option('--watch', 'go on showing it; in a pipe one line per change')
    .option('--json', 'one JSON object (with --watch one a change); src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
With CARNA_MARATHON also Marathon's tasks: running/wanted instances, tasks without a node, nodes without a
task, deployments under way. When Marathon does not answer within 2 s a line says so; the rest is shown.
Exit code 3 when ZooKeeper is away and the last known value, or at least the last table, is shown.
Examples:
  carna topology --watch
  carna topology --json | jq '.problems[].text'`,
    )
    .action(async (options: Options) => {
      await withOperatorData(context, async (data, config) => {
        if (options.watch === true)
          return watchTopology(context, data, config, options.json === true);
        const work = async (): Promise<void> => {
          const topology = await data.readTopology();
          const ask = (): Promise<TasksAnswer> => askTasks(context, config, NEVER);
          const picture = await takePicture(context, data, topology, ask);
          context.print(
            ...(options.json === true
              ? [pictureJson(picture, config)]
              : pictureText(context, picture, config)),
          );
          context.exitCode = picture.topology.isFresh ? EXIT.done : EXIT.away;
        };
        if (options.json === true) return work();
        await orLastKnown(data, work, (last, failure) => {
          printLastKnown(context, last, failure);
          context.exitCode = EXIT.away;
        });
      });
    });
}
