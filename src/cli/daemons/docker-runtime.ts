import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { openDockerEngine } from '../../agent/runtime/docker-engine.js';
import { readSelfHints } from '../../agent/runtime/docker-self.js';
import { dockerRuntime } from '../../agent/runtime/docker.js';
import { serverFlagFile } from '../../agent/runtime/flag-file.js';
import { rememberingRuntime } from '../../agent/runtime/known-server.js';
import { observeByLabel } from '../../agent/runtime/observe-container.js';
import type { ServerRuntime } from '../../agent/runtime/runtime.js';
import type { StartEnv } from '../../agent/runtime/server-env.js';
import { serverEnv } from '../../agent/runtime/server-env.js';
import { systemTimekeeper } from '../../agent/timekeeper.js';
import type { AgentConfig } from '../../config/agent.js';
import { serverSettings } from './server-settings.js';

/** The SIP server as a container bound to the agent's own. Throws MissingPartError without a usable client. */
export async function openDockerRuntime(
  config: AgentConfig,
  env: NodeJS.ProcessEnv,
  log: Logger,
  startEnv?: StartEnv,
): Promise<ServerRuntime> {
  const engine = await openDockerEngine(config.dockerSocket, systemTimekeeper);
  const runtime = dockerRuntime(
    {
      engine,
      image: config.serverImage ?? '',
      command: config.serverCommand,
      env: containerEnv(serverEnv(env, serverSettings(config, env))),
      ...(startEnv === undefined ? {} : { startEnv }),
      kind: config.kind,
      nodeId: config.nodeId,
      taskId: config.marathon?.taskId ?? '',
      appId: config.marathon?.appId ?? '',
      limits: marathonLimits(env),
      labels: {},
      stateDir: config.stateDir,
      ctlSocket: config.kind === 'kamailio' ? config.ctlSocket : null,
      further: config.dockerMounts,
      dockerSocket: config.dockerSocket,
      pull: config.dockerPull,
      container: config.dockerContainer,
      hints: readSelfHints(env),
    },
    log,
    systemTimekeeper,
  );
  return rememberingRuntime(runtime, serverFlagFile(config.stateDir));
}

/** The container that somebody else runs, by its label. */
export async function openContainerObserver(
  config: AgentConfig,
  log: Logger,
): Promise<ServerRuntime> {
  const engine = await openDockerEngine(config.dockerSocket, systemTimekeeper);
  return observeByLabel(engine, config.observeLabel ?? '', log, systemTimekeeper, randomUUID);
}

/** What of the agent's environment concerns the server: Carna's, Marathon's and Mesos' variables; the rest is the image's. */
const FOR_SERVER = /^(?:CARNA_|MARATHON_|MESOS_|PORT|HOST$|TZ$)/;

function containerEnv(env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && FOR_SERVER.test(name) ? [[name, value] as const] : [],
  );
  return Object.fromEntries(kept);
}

/** In MB and CPUs, as Marathon tells them to its tasks. */
function marathonLimits(env: NodeJS.ProcessEnv): {
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
} {
  const amount = (name: string): number | null => {
    const value = Number(env[name] ?? '');
    return Number.isFinite(value) && value > 0 ? value : null;
  };
  const memoryMb = amount('MARATHON_APP_RESOURCE_MEM');
  return {
    memoryBytes: memoryMb === null ? null : Math.round(memoryMb * 1024 * 1024),
    cpus: amount('MARATHON_APP_RESOURCE_CPUS'),
  };
}
