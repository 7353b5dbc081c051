import type { Command } from 'commander';
import { parseDeadline } from '../arguments.js';
import type { Context } from '../context.js';
import { withOperatorData } from '../context.js';
import { EXIT } from '../exit-codes.js';
import type { ExitCode } from '../exit-codes.js';
import type { DeployOptions } from '../deploy/deploy-group.js';
import type { DeployFlags } from '../deploy/deploy-line.js';
import { untilInterrupted } from '../process-like.js';
import { lintText } from '../render/lint-text.js';

const DEADLINE_MS = 15 * 60_000;

/** `carna deploy FILE…`. */
export function registerDeploy(program: Command, context: Context): void {
  program
    .command('deploy')
    .description(
      'bring groups of apps to what their files say, and wait until every node is listed',
    )
    .argument('<file...>', 'groups as JSON, as carna marathon render writes them')
    .option('--dry-run', 'only say what would happen')
    .option('--instances', 'take the numbers of instances from the file; upwards only')
    .option('--restart', 'also restart apps whose nodes run')
    .option('--remove', 'also remove apps that the group no longer names')
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--deadline <duration>', 'wait at most so long (default: 15m)', parseDeadline)
    .option('--json', 'one JSON object per step; src/cli/deploy/deploy-json.ts')
    .addHelpText(
      'after',
      `
The files are linted first, then Marathon is asked for a dry run: what it would start, scale, restart or remove is
said before it happens. An app that runs keeps its number of instances (carna scale changes it) and, where nothing
else differs, its upgradeStrategy. The same file once more changes nothing, and tells where nodes are away or still run
an earlier definition.
Refused (exit 4): to restart an app whose nodes run, in service by the registry or not (carna rollout ROLE FILE does
it node by node), to remove an app, to lower a number of instances (carna scale).
A group with SIP nodes must be CARNA_MARATHON_GROUP, or /CARNA_CLUSTER/CARNA_DC: others are in another registry.
Done when the deployment is over and every node is up and listed by the Kamailios that send it calls.
Ctrl-C leaves the deployment to Marathon; the same command follows it again.
Exit code 1 when the lint found something, it was not agreed to, it failed, was left, the deadline passed, or nothing
was to be sent and not every node is there. Files come one after the other; what follows one that did not end with 0 is not
begun, and named.
Examples:
  carna marathon render values.yaml > dc1.json && carna deploy dc1.json
  carna deploy dc1.json --dry-run
  carna deploy dc1.json --instances --yes --deadline 30m`,
    )
    .action(async (files: readonly string[], flags: DeployFlags) => {
      context.exitCode = await deployCommand(context, files, flags);
    });
}

async function deployCommand(
  context: Context,
  files: readonly string[],
  flags: DeployFlags,
): Promise<ExitCode> {
  const { checkGroups, readGroups } = await import('../deploy/deploy-files.js');
  const read = readGroups(files);
  if (read.kind === 'bad') {
    context.printError(...lintText(read.linted, context.paintError), 'Nothing was sent.');
    return read.linted.some(({ error }) => error !== null) ? EXIT.usage : EXIT.no;
  }
  const { deployGroup } = await import('../deploy/deploy-group.js');
  const { notBegunLines } = await import('../deploy/deploy-teller.js');
  const { marathonGroupOf } = await import('../configured-marathon.js');
  const { createMarathonWork } = await import('../deploy/marathon-work.js');
  const limits = { isJson: flags.json === true, deadlineMs: flags.deadline ?? DEADLINE_MS };
  return withOperatorData(context, (data, config) => {
    checkGroups(read.groups, marathonGroupOf(config));
    return untilInterrupted(context.proc, async (stop) => {
      const work = await createMarathonWork(context, config, data, { ...limits, stop });
      let done = 0;
      try {
        for (const group of read.groups) {
          const code = await deployGroup(work, group, wishOf(flags));
          if (code !== EXIT.done) return code;
          done++;
        }
        return EXIT.done;
      } finally {
        context.printError(...notBegunLines(read.groups, done, flags));
      }
    });
  });
}

function wishOf(flags: DeployFlags): DeployOptions {
  return {
    takesInstances: flags.instances === true,
    mayRestart: flags.restart === true,
    mayRemove: flags.remove === true,
    isDryRun: flags.dryRun === true,
    isYes: flags.yes === true,
    flags,
  };
}
