import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { observeByAddress } from '../../agent/runtime/observe.js';
import { processRuntime } from '../../agent/runtime/process.js';
import type { ServerRuntime } from '../../agent/runtime/runtime.js';
import type { StartEnv } from '../../agent/runtime/server-env.js';
import { serverEnv } from '../../agent/runtime/server-env.js';
import { systemTimekeeper } from '../../agent/timekeeper.js';
import type { AgentConfig } from '../../config/agent.js';
import { serverSettings } from './server-settings.js';

/** Who starts and stops the SIP server, by the configured runtime. Starts and finds nothing yet. */
export async function openServerRuntime(
  config: AgentConfig,
  env: NodeJS.ProcessEnv,
  log: Logger,
  startEnv?: StartEnv,
): Promise<ServerRuntime> {
  switch (config.runtime) {
    case 'process':
      return childProcess(config, env, log, startEnv);
    case 'docker':
      return (await import('./docker-runtime.js')).openDockerRuntime(config, env, log, startEnv);
    case 'observe':
      if (config.observeLabel === null) {
        const where = `${config.sipHost}:${config.sipPort}`;
        return observeByAddress(where, systemTimekeeper, log, randomUUID);
      }
      return (await import('./docker-runtime.js')).openContainerObserver(config, log);
  }
}

function childProcess(
  config: AgentConfig,
  env: NodeJS.ProcessEnv,
  log: Logger,
  startEnv?: StartEnv,
): ServerRuntime {
  const [command = '', ...args] = config.serverCommand ?? [];
  const { stateDir } = config;
  const added = startEnv === undefined ? {} : { startEnv };
  const whole = serverEnv(env, serverSettings(config, env));
  const options = { command, args, env: whole, ...added, cwd: stateDir, stateDir };
  return processRuntime(options, log, systemTimekeeper);
}
