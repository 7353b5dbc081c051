import { durationArgument } from '../render/units.js';

/** The options of `carna deploy`, as they were given. */
export interface DeployFlags {
  readonly dryRun?: true;
  readonly instances?: true;
  readonly restart?: true;
  readonly remove?: true;
  readonly yes?: true;
  /** In ms. */
  readonly deadline?: number;
  readonly json?: true;
}

type Switch = Exclude<keyof DeployFlags, 'deadline'>;

const SWITCHES: Readonly<Record<Switch, string>> = {
  dryRun: '--dry-run',
  instances: '--instances',
  restart: '--restart',
  remove: '--remove',
  yes: '--yes',
  json: '--json',
};

/** The command that does with these files what was asked for: none of its options is left out. Pure. */
export function deployLine(files: readonly string[], flags: DeployFlags): string {
  const names = Object.keys(SWITCHES) as Switch[];
  const switches = names.filter((name) => flags[name] === true).map((name) => SWITCHES[name]);
  const { deadline } = flags;
  const limit = deadline === undefined ? [] : ['--deadline', durationArgument(deadline)];
  return ['carna deploy', ...files, ...switches, ...limit].join(' ');
}
