import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { MissingPartError } from '../../util/errors.js';
import type { ContainerFacts, DockerEngine } from './docker-port.js';

/** What tells a process in which container it runs. */
export interface SelfHints {
  /** /proc/self/cgroup. */
  readonly cgroup: string;
  /** /proc/self/mountinfo. */
  readonly mountinfo: string;
  /** Docker puts /.dockerenv into every container. */
  readonly hasDockerEnv: boolean;
  readonly hostname: string;
  /** MESOS_CONTAINER_NAME, which Mesos gives to Docker tasks; else null. */
  readonly mesosContainer: string | null;
}

/** Reads the hints of this process; what cannot be read is empty. */
export function readSelfHints(env: Readonly<Record<string, string | undefined>>): SelfHints {
  return {
    cgroup: readText('/proc/self/cgroup'),
    mountinfo: readText('/proc/self/mountinfo'),
    hasDockerEnv: existsSync('/.dockerenv'),
    hostname: hostname(),
    mesosContainer: env['MESOS_CONTAINER_NAME'] ?? null,
  };
}

/**
 * The agent's own container; null when it runs in none. `configured` (CARNA_DOCKER_CONTAINER) decides when given.
 * Throws MissingPartError when it runs in a container that this engine does not know.
 */
export async function findSelf(
  engine: DockerEngine,
  configured: string | null,
  hints: SelfHints,
): Promise<ContainerFacts | null> {
  if (configured !== null) {
    const found = await engine.inspect(configured);
    if (found !== null) return found;
    throw new MissingPartError(
      `Docker at ${engine.socketPath} has no container ${configured}`,
      "set CARNA_DOCKER_CONTAINER to the agent's own container, or unset it",
    );
  }
  const names = selfNames(hints);
  for (const name of names) {
    const found = await engine.inspect(name);
    if (found?.isRunning === true) return found;
  }
  if (names.length === 0 && !hints.hasDockerEnv) return null;
  throw new MissingPartError(
    `the agent runs in a container that Docker at ${engine.socketPath} does not know`,
    "mount the socket of the engine that runs the agent, or set CARNA_DOCKER_CONTAINER to the agent's own container",
  );
}

const ID = '[0-9a-f]{64}';
/** Docker mounts these three files from the folder of the container that holds the network: ours, or the one we joined. */
const OWN_FILE = new RegExp(`/containers/(${ID})/\\S+ /etc/(?:hostname|hosts|resolv\\.conf) `);
const OWN_CGROUP = new RegExp(`[/-](${ID})(?:\\.scope)?$`, 'm');

/** Ids and names under which the engine may know this process, the surest first. Pure. */
export function selfNames(hints: SelfHints): readonly string[] {
  const names = [
    OWN_CGROUP.exec(hints.cgroup)?.[1],
    hints.mesosContainer,
    OWN_FILE.exec(hints.mountinfo)?.[1],
    hints.hasDockerEnv && /^[0-9a-f]{12}$/.test(hints.hostname) ? hints.hostname : null,
  ];
  return [...new Set(names.filter(isName))];
}

function isName(name: string | null | undefined): name is string {
  return typeof name === 'string' && name !== '';
}

/** Version 1 has a line per controller; version 2 one line without a name. */
const CONTROLLERS = ['memory', 'cpu', 'cpu,cpuacct', 'name=systemd', ''];

/**
 * The path of the container's own control group as the engine's runtime understands it; null where it is
 * hidden by a namespace of its own. Pure.
 */
export function cgroupPathOf(cgroup: string, id: string): string | null {
  const lines = cgroup.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  for (const controller of CONTROLLERS) {
    const path = lines.find((line) => line?.[1] === controller)?.[2];
    if (path?.endsWith(`/${id}`) === true) return path;
  }
  return null;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
