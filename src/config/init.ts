import { COMMON_VARIABLES } from './common.js';
import type { Env, ReadFile, ValuesOf } from './variables.js';
import { compileConfig } from './variables.js';

/** What `carna init` reads. */
export const INIT_VARIABLES = COMMON_VARIABLES;

export type InitConfig = ValuesOf<typeof INIT_VARIABLES>;

/** Compiles the environment of `carna init`. Throws one ConfigError naming every fault. */
export function loadInitConfig(env: Env, readFile: ReadFile): InitConfig {
  return compileConfig(INIT_VARIABLES, env, readFile);
}
