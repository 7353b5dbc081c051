import type { Command } from 'commander';
import { marathonGroupOf } from '../configured-marathon.js';
import type { CliConfig } from '../../config/cli.js';
import { parseDeadline, parseText, wholeUpTo } from '../arguments.js';
import type { Context } from '../context.js';
import type { OperatorData } from '../operator-data.js';
import type { ScaleRun } from './run.js';
import { Teller } from './teller.js';

/** What `carna scale` and `carna scale-in` are told. Durations in ms. */
export interface ScaleOptions {
  readonly why?: string;
  readonly by?: string;
  readonly deadline?: number;
  readonly timeout?: number;
  readonly floor?: number;
  readonly headroom?: number;
  readonly dryRun?: true;
  readonly cancelWaiting?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly json?: true;
}

/** An image may have to be fetched first. */
const DEFAULT_TIMEOUT_MS = 10 * 60_000;

/** Adds the options that both commands share. */
export function addScaleOptions(command: Command): Command {
  return command
    .option('--dry-run', 'show what would be done and change nothing')
    .option('--why <text>', 'reason of the drains, shown to everybody who looks', parseText)
    .option('--by <name>', 'who wants it (default: $USER)', parseText)
    .option(
      '--deadline <duration>',
      'wait at most so long for calls on those that go: 90s, 30m; what is left then is lost',
      parseDeadline,
    )
    .option(
      '--timeout <duration>',
      'for everything but calls: offers, starts, other deployments (default: 10m)',
      parseDeadline,
    )
    .option(
      '--floor <n>',
      'nodes of the role that must stay for new calls (default: CARNA_DRAIN_FLOOR, 1)',
      wholeUpTo(100_000),
    )
    .option(
      '--headroom <percent>',
      'room that must stay beyond the calls of now (default: CARNA_DRAIN_HEADROOM_PERCENT, 25)',
      wholeUpTo(1_000),
    )
    .option('--yes', 'do not ask; needed when not on a terminal')
    .option('--force', 'also against floor and headroom, and nodes that nobody can drain')
    .option('--json', 'one JSON object per step; src/cli/scale/scale-json.ts');
}

/** What the steps of one command share. Throws ConfigError when the settings name no Marathon. */
export async function openRun(
  context: Context,
  data: OperatorData,
  config: CliConfig,
  options: ScaleOptions,
): Promise<ScaleRun> {
  return {
    context,
    data,
    marathon: await context.ports.openMarathon(config),
    teller: new Teller(context, options.json === true),
    timeoutMs: options.timeout ?? DEFAULT_TIMEOUT_MS,
    limits: {
      floor: options.floor ?? config.drainFloor,
      headroomPercent: options.headroom ?? config.drainHeadroomPercent,
    },
    isForced: options.force === true,
  };
}

/** The app of a role. Pure. */
export function appIdOf(config: CliConfig, role: string): string {
  return `${marathonGroupOf(config)}/${role}`;
}
