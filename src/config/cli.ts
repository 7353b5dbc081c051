import { z } from 'zod';
import {
  COMMON_VARIABLES,
  MANAGER_DATABASE_URL,
  OPTIONAL_DATABASE_URL,
  wholeNumber,
} from './common.js';
import { MARATHON_VARIABLES, marathonFaults } from './marathon-variables.js';
import { compileConfig, optional, withDefault } from './variables.js';
import type { Env, ReadFile, ValuesOf } from './variables.js';

/** What the operators' commands read. PostgreSQL is needed by some of them only. */
export const CLI_VARIABLES = {
  cluster: COMMON_VARIABLES.cluster,
  dc: COMMON_VARIABLES.dc,
  zookeeper: COMMON_VARIABLES.zookeeper,
  zookeeperAuth: COMMON_VARIABLES.zookeeperAuth,
  sessionTimeoutMs: COMMON_VARIABLES.sessionTimeoutMs,
  databaseUrl: OPTIONAL_DATABASE_URL,
  managerDatabaseUrl: MANAGER_DATABASE_URL,
  lab: optional('CARNA_LAB', z.string(), {
    expected: 'run directory of a lab, or "off"',
    meaning: 'lab whose addresses are used when CARNA_ZOOKEEPER is unset; "off" = never',
  }),
  drainFloor: withDefault('CARNA_DRAIN_FLOOR', '1', wholeNumber(1, 100_000), {
    expected: 'a whole number from 1 to 100000',
    meaning: 'nodes of a role that a drain must leave; carna drain --floor says otherwise for once',
  }),
  drainHeadroomPercent: withDefault('CARNA_DRAIN_HEADROOM_PERCENT', '25', wholeNumber(0, 1_000), {
    expected: 'a whole number from 0 to 1000',
    meaning:
      'room beyond the calls of now that a drain must leave, in percent; --headroom says otherwise for once',
  }),
  ...MARATHON_VARIABLES,
  logLevel: COMMON_VARIABLES.logLevel,
} as const;

/** The compiled configuration of an operator's command. */
export type CliConfig = ValuesOf<typeof CLI_VARIABLES> & {
  /** Run directory of the lab whose addresses are used; null = the environment named them. */
  readonly labDir: string | null;
};

/** The addresses of a lab that is up, as variables that stand in for those not set. */
export interface LabEndpoints {
  readonly runDir: string;
  readonly variables: Env;
}

/** Finds a lab that is up. The command wires it to the lab's state file. */
export interface EndpointSource {
  /** Null when no lab is up there; `runDir` null = the usual place. Never throws for a missing lab. */
  findLab(runDir: string | null): Promise<LabEndpoints | null>;
}

/**
 * The environment of an operator's command, with a running lab's addresses where CARNA_ZOOKEEPER is unset.
 *
 * What the environment says always wins. Throws one ConfigError naming every fault.
 */
export async function loadCliConfig(
  env: Env,
  readFile: ReadFile,
  source: EndpointSource,
): Promise<CliConfig> {
  const lab = await findLab(env, source);
  const merged = lab === null ? env : { ...withoutShadowed(lab.variables, env), ...givenOf(env) };
  const values = compileConfig(CLI_VARIABLES, merged, readFile, marathonFaults);
  return Object.freeze({ ...values, labDir: lab?.runDir ?? null });
}

/** What the commands of users and trunks read: PostgreSQL alone, so they work where ZooKeeper cannot be reached. */
export const ACCOUNT_VARIABLES = {
  databaseUrl: CLI_VARIABLES.databaseUrl,
  managerDatabaseUrl: CLI_VARIABLES.managerDatabaseUrl,
  lab: CLI_VARIABLES.lab,
  logLevel: CLI_VARIABLES.logLevel,
} as const;

/** The compiled configuration of `carna user` and `carna trunk`. */
export type AccountConfig = ValuesOf<typeof ACCOUNT_VARIABLES>;

/** Each of them names a platform: then a lab that happens to be up is another one. */
const NAMES_A_PLATFORM = [
  'CARNA_ZOOKEEPER',
  'CARNA_DATABASE_URL',
  'CARNA_DATABASE_URL_FILE',
  'CARNA_MANAGER_DATABASE_URL',
  'CARNA_MANAGER_DATABASE_URL_FILE',
];

/**
 * The environment of `carna user` and `carna trunk`; a running lab's databases where nothing names another
 * platform. Throws one ConfigError naming every fault.
 */
export async function loadAccountConfig(
  env: Env,
  readFile: ReadFile,
  source: EndpointSource,
): Promise<AccountConfig> {
  const isNamed = NAMES_A_PLATFORM.some((name) => (env[name] ?? '') !== '');
  const lab = isNamed ? null : await findLab(env, source);
  return compileConfig(ACCOUNT_VARIABLES, { ...lab?.variables, ...givenOf(env) }, readFile);
}

function givenOf(env: Env): Env {
  return Object.fromEntries(
    Object.entries(env).filter(([, text]) => text !== undefined && text !== ''),
  );
}

async function findLab(env: Env, source: EndpointSource): Promise<LabEndpoints | null> {
  const isSet = (name: string): boolean => env[name] !== undefined && env[name] !== '';
  if (isSet('CARNA_ZOOKEEPER') || env['CARNA_LAB'] === 'off') return null;
  return source.findLab(isSet('CARNA_LAB') ? (env['CARNA_LAB'] ?? null) : null);
}

/** Drops the lab's value of a secret that the environment names by file: both together would be a fault. */
function withoutShadowed(variables: Env, env: Env): Env {
  return Object.fromEntries(
    Object.entries(variables).filter(([name]) => (env[`${name}_FILE`] ?? '') === ''),
  );
}
