import { z } from 'zod';
import { COMMON_VARIABLES, OPTIONAL_DATABASE_URL } from './common.js';
import { compileConfig, optional } from './variables.js';
import type { Env, ReadFile, ValuesOf } from './variables.js';

/** What the operators' commands read. PostgreSQL is needed by some of them only. */
export const CLI_VARIABLES = {
  cluster: COMMON_VARIABLES.cluster,
  dc: COMMON_VARIABLES.dc,
  zookeeper: COMMON_VARIABLES.zookeeper,
  zookeeperAuth: COMMON_VARIABLES.zookeeperAuth,
  sessionTimeoutMs: COMMON_VARIABLES.sessionTimeoutMs,
  databaseUrl: OPTIONAL_DATABASE_URL,
  lab: optional('CARNA_LAB', z.string(), {
    expected: 'run directory of a lab, or "off"',
    meaning: 'lab whose addresses are used when CARNA_ZOOKEEPER is unset; "off" = never',
  }),
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
  const given = Object.entries(env).filter(([, text]) => text !== undefined && text !== '');
  const merged =
    lab === null ? env : { ...withoutShadowed(lab.variables, env), ...Object.fromEntries(given) };
  const values = compileConfig(CLI_VARIABLES, merged, readFile);
  return Object.freeze({ ...values, labDir: lab?.runDir ?? null });
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
