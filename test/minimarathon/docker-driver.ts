import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { docker, DOCKER_SOCKET, dockerOutcome, MARK } from '../images/support/docker.js';
import type { ContainerHost } from '../images/support/hosts.js';
import { ownedByUs } from '../images/support/leftovers.js';
import type { RunningTask, TaskDriver, TaskEnd, TaskSpec } from './driver.js';

export interface DockerDriverOptions {
  readonly hosts: readonly ContainerHost[];
  /** Folder for the sandboxes of the tasks. */
  readonly dir: string;
  /** Label of all its containers; `leftBehind` looks for it. */
  readonly label?: string;
}

/** A task's folder as the container sees it. */
const SANDBOX = '/mnt/mesos/sandbox';
/** Mesos keeps an ended container for hours; we for as long as what is bound to it needs to end. */
const BOUND_LIMIT_MS = 10_000;
const POLL_MS = 50;

/**
 * Runs tasks as containers in the way of Mesos' Docker executor: `docker run` with the parameters of the
 * definition, the environment through a file (never argv), CPU shares and a memory limit, a sandbox, the label
 * MESOS_TASK_ID. The network of the host is that of its `ContainerHost`.
 */
export function dockerDriver(options: DockerDriverOptions): TaskDriver {
  const engine = new Docker({ socketPath: DOCKER_SOCKET });
  const tasks = new Set<ContainerTask>();
  return {
    launch: async (spec) => {
      const host = options.hosts.find(({ hostname }) => hostname === spec.hostname);
      if (host === undefined) throw new RangeError(`no host ${spec.hostname}`);
      const name = `mesos-${randomUUID()}`;
      await createContainer(options, spec, host, name);
      try {
        await engine.getContainer(name).start();
      } catch (err) {
        await removeContainer(name);
        throw err;
      }
      const task = new ContainerTask(engine.getContainer(name), name, host);
      tasks.add(task);
      void task.removed.then(() => tasks.delete(task));
      return task;
    },
    close: async () => {
      const left = [...tasks];
      await Promise.all(left.map((task) => task.kill()));
      await Promise.all(left.map((task) => task.removed));
    },
  };
}

class ContainerTask implements RunningTask {
  readonly ended: Promise<TaskEnd>;
  /** Container and volumes are gone. Never rejects. */
  readonly removed: Promise<void>;
  readonly #container: Docker.Container;
  readonly #host: ContainerHost;

  constructor(container: Docker.Container, name: string, host: ContainerHost) {
    this.#container = container;
    this.#host = host;
    this.ended = endOf(container);
    this.removed = this.ended.then(() => removeContainer(name));
  }

  async stop(graceMs: number): Promise<void> {
    // The engine keeps every deadline that it was given: the first one kills.
    await this.#container.stop({ t: Math.ceil(graceMs / 1_000) }).catch(unlessGone);
    await this.ended;
  }

  async kill(): Promise<void> {
    await this.#container.kill({ signal: 'SIGKILL' }).catch(unlessGone);
    await this.ended;
  }

  /** As Mesos: curl inside the task's network. */
  httpStatus(port: number, path: string, timeoutMs: number): Promise<number | null> {
    const curl = ['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}'];
    const limit = ['--noproxy', '*', '--max-time', String(timeoutMs / 1_000)];
    const args = [`--net=/proc/${this.#host.pid}/ns/net`, ...curl, ...limit];
    return new Promise((resolve) => {
      execFile('nsenter', [...args, `http://127.0.0.1:${port}${path}`], (err, stdout) => {
        const status = Number(stdout);
        resolve(err === null && status > 0 ? status : null);
      });
    });
  }
}

async function endOf(container: Docker.Container): Promise<TaskEnd> {
  try {
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    return { exitCode: StatusCode, signal: null };
  } catch {
    return { exitCode: null, signal: null }; // Removed under our hands.
  }
}

/** 304: it has ended; 404: it is removed; 409: it does not run, or is being removed. */
function unlessGone(err: unknown): void {
  const { statusCode } = err as { statusCode?: number };
  if (statusCode !== 304 && statusCode !== 404 && statusCode !== 409) throw err;
}

async function createContainer(
  { dir, label }: DockerDriverOptions,
  spec: TaskSpec,
  host: ContainerHost,
  name: string,
): Promise<void> {
  if (spec.image === null) throw new RangeError(`${spec.taskId} has no image`);
  const sandbox = join(dir, name);
  mkdirSync(sandbox, { recursive: true, mode: 0o750 });
  const envFile = `${sandbox}.env`;
  writeFileSync(envFile, envText({ ...spec.env, ...mesosEnv(name) }), { mode: 0o600 });
  try {
    await docker(
      ...['create', '--name', name, '--env-file', envFile, ...MARK, ...ownedByUs()],
      ...['--label', `MESOS_TASK_ID=${spec.taskId}`],
      ...(label === undefined ? [] : ['--label', label]),
      ...[`--network=container:${host.pause}`],
      ...[`--cpu-shares=${Math.max(2, Math.round(spec.cpus * 1_024))}`, `--memory=${spec.mem}m`],
      ...['--volume', `${sandbox}:${SANDBOX}`],
      ...spec.volumes.flatMap((volume) => ['--volume', volumeText(volume, sandbox)]),
      ...spec.parameters.map(({ key, value }) => `--${key}=${value}`),
      spec.image,
      ...(spec.command ?? []),
    );
  } finally {
    rmSync(envFile, { force: true });
  }
}

const mesosEnv = (name: string): Readonly<Record<string, string>> => {
  return { MESOS_CONTAINER_NAME: name, MESOS_SANDBOX: SANDBOX };
};

function envText(env: Readonly<Record<string, string>>): string {
  const broken = Object.keys(env).find((name) => /[\r\n]/.test(env[name] ?? ''));
  if (broken !== undefined)
    throw new RangeError(`a line break in ${broken}: Docker's file has none`);
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** A relative path on the host lies in the task's sandbox. */
function volumeText(
  { hostPath, containerPath, mode }: TaskSpec['volumes'][number],
  sandbox: string,
): string {
  const source = hostPath.startsWith('/') ? hostPath : join(sandbox, hostPath);
  return `${source}:${containerPath}:${mode.toLowerCase()}`;
}

/** A volume without a name goes with its container, but only when nobody holds it any more. */
async function removeContainer(name: string): Promise<void> {
  const { stdout: id } = await dockerOutcome(['inspect', '--format', '{{.Id}}', name]);
  const ends = performance.now() + BOUND_LIMIT_MS;
  while (id !== '' && performance.now() < ends && (await boundTo(id.trim())) !== '')
    await sleep(POLL_MS);
  await dockerOutcome(['rm', '--force', '--volumes', name]);
}

/** Ids of the containers that an agent in this one started. */
async function boundTo(id: string): Promise<string> {
  return (await dockerOutcome(['ps', '--all', '--quiet', '--filter', `label=carna.owner=${id}`]))
    .stdout;
}
