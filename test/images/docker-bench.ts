import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, openSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { dockerRuntime } from '../../src/agent/runtime/docker.js';
import type { DockerRuntimeOptions } from '../../src/agent/runtime/docker.js';
import { openDockerEngine } from '../../src/agent/runtime/docker-engine.js';
import type { DockerEngine } from '../../src/agent/runtime/docker-port.js';
import type { RunningServer, ServerRuntime, StopSteps } from '../../src/agent/runtime/runtime.js';
import { systemTimekeeper } from '../../src/agent/timekeeper.js';
import { waitUntil } from '../../src/util/wait.js';
import { collectingLog } from '../agent/support/docker-fakes.js';
import { testDir } from '../support/resources.js';

const run = promisify(execFile);

/** Every state is waited for at most so long. */
export const LIMIT_MS = 20_000;
export const AT_ONCE: StopSteps = { graceful: async () => undefined, gracefulMs: 0, termMs: 200 };
export const silent = (): void => undefined;
/** The script of a server that never ends by itself. */
export const running = 'while :; do sleep 1; done';
const APPLETS = ['sh', 'sleep', 'tail', 'echo', 'cat', 'kill'];

/** The engine for these tests, by CARNA_TEST_DOCKER_SOCKET. */
export function testSocket(): string {
  const socket = process.env['CARNA_TEST_DOCKER_SOCKET'] ?? '';
  if (socket === '') {
    throw new Error('CARNA_TEST_DOCKER_SOCKET is unset: `make test-images` starts an engine');
  }
  return socket;
}

/**
 * Containers on a real engine. The image is CARNA_TEST_DOCKER_IMAGE, anything with busybox's sh; unset: one made here
 * of Debian's busybox-static (CARNA_TEST_BUSYBOX, default /bin/busybox). `close` removes all that was made.
 */
export class DockerBench {
  readonly runId = randomUUID();
  readonly docker: Docker;
  readonly socketPath: string;
  readonly log = collectingLog();
  engine!: DockerEngine;
  image = '';
  #ownImage: string | null = null;
  #ids = 0;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    this.docker = new Docker({ socketPath });
  }

  async open(): Promise<this> {
    this.engine = await openDockerEngine(this.socketPath, systemTimekeeper);
    const given = process.env['CARNA_TEST_DOCKER_IMAGE'] ?? '';
    this.image = given === '' ? await this.#makeImage() : given;
    return this;
  }

  async #makeImage(): Promise<string> {
    const root = testDir('image');
    mkdirSync(join(root, 'bin'));
    mkdirSync(join(root, 'tmp'));
    copyFileSync(process.env['CARNA_TEST_BUSYBOX'] ?? '/bin/busybox', join(root, 'bin/busybox'));
    for (const name of APPLETS) symlinkSync('busybox', join(root, 'bin', name));
    const tar = join(testDir('tar'), 'image.tar');
    await run('tar', ['-C', root, '-cf', tar, '.']);
    const tag = `carna-test:${this.runId.slice(0, 8)}`;
    const [repo, version] = tag.split(':');
    const progress = await this.docker.importImage(tar, { repo, tag: version });
    progress.resume();
    await new Promise((resolve) => progress.once('end', resolve));
    this.#ownImage = tag;
    return tag;
  }

  /** A container that stands for the agent's; gives its id. */
  async agentContainer(memoryBytes = 0, binds: readonly string[] = []): Promise<string> {
    const made = await this.docker.createContainer({
      name: `carna-test-agent-${randomUUID().slice(0, 8)}`,
      Image: this.image,
      Cmd: ['sleep', '1000'],
      Labels: { 'carna.test': this.runId },
      HostConfig: { NetworkMode: 'none', Memory: memoryBytes, Binds: [...binds] },
    });
    await made.start();
    return made.id;
  }

  /** A runtime as an agent in `agentId` would have it; null = an agent outside Docker. */
  async runtime(
    agentId: string | null,
    script: string,
    more: Partial<DockerRuntimeOptions> = {},
  ): Promise<ServerRuntime> {
    const pid =
      agentId === null ? null : (await this.docker.getContainer(agentId).inspect()).State.Pid;
    const hints = {
      cgroup: pid === null ? '' : readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
      mountinfo: pid === null ? '' : readFileSync(`/proc/${pid}/mountinfo`, 'utf8'),
      hasDockerEnv: false,
      hostname: 'h',
      mesosContainer: null,
    };
    const options: DockerRuntimeOptions = {
      engine: this.engine,
      image: this.image,
      command: ['sh', '-c', script],
      env: { SOME: 'thing', DATABASE_URL: 'postgres://u:verysecret@h/d' },
      kind: 'freeswitch',
      nodeId: `node-${this.runId}`,
      taskId: '',
      appId: '',
      container: agentId,
      limits: { memoryBytes: null, cpus: null },
      labels: { 'carna.test': this.runId },
      further: [],
      stateDir: '/tmp',
      ctlSocket: null,
      dockerSocket: this.socketPath,
      pull: 'missing',
      hints,
      ...more,
    };
    return dockerRuntime(options, this.log.log, systemTimekeeper);
  }

  /** Ids of everything this bench made and that is still there. */
  async containers(): Promise<string[]> {
    const filters = { label: [`carna.test=${this.runId}`] };
    return (await this.docker.listContainers({ all: true, filters })).map((c) => c.Id);
  }

  /** For the next server's life. */
  newId(): string {
    return `life${String(++this.#ids).padStart(4, '0')}-${this.runId.slice(0, 12)}`;
  }

  /** Docker's id of a server's container. */
  async idOf(server: RunningServer): Promise<string> {
    const found = await this.engine.inspect(server.name.replace('container ', ''));
    assert.ok(found, `${server.name} is there`);
    return found.id;
  }

  async isThere(id: string): Promise<boolean> {
    return (await this.engine.inspect(id)) !== null;
  }

  async close(): Promise<void> {
    for (const id of await this.containers()) await this.engine.remove(id);
    await waitUntil('the containers gone', LIMIT_MS, async () => {
      return (await this.containers()).length === 0;
    });
    if (this.#ownImage !== null) await this.docker.getImage(this.#ownImage).remove({ force: true });
  }
}

/** A Docker engine of a test's own, below one folder, which lets containers live while it restarts. */
export class OwnEngine {
  readonly socketPath: string;
  readonly #dir: string;
  #child: ChildProcess | null = null;

  constructor() {
    this.#dir = testDir('dockerd');
    this.socketPath = join(this.#dir, 'docker.sock');
  }

  async start(): Promise<this> {
    const dir = this.#dir;
    const log = openSync(join(dir, 'log'), 'a');
    const paths = ['--data-root', `${dir}/data`, '--exec-root', `${dir}/exec`];
    const rest = ['--pidfile', `${dir}/pid`, '-H', `unix://${this.socketPath}`, '--live-restore'];
    const plain = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
    this.#child = spawn('dockerd', [...paths, ...rest, ...plain], { stdio: ['ignore', log, log] });
    const engine = await openDockerEngine(this.socketPath, systemTimekeeper);
    await waitUntil(`dockerd up (${dir}/log)`, 60_000, () =>
      engine.ping().then(
        () => true,
        () => false,
      ),
    );
    return this;
  }

  /** Ends it; containers live on. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  /** To be called when no container is left. */
  async close(): Promise<void> {
    await this.stop();
    this.#killContained();
    const below = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
      .filter((path) => path.startsWith(`${this.#dir}/`));
    for (const path of below.reverse()) await run('umount', ['-l', path]);
  }

  /** What an engine that did not come up again left running: its containers carry no mark of the test run. */
  #killContained(): void {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const mounts = readFileSync(`/proc/${name}/mountinfo`, 'utf8');
        const isOurs = new RegExp(`${this.#dir}/data/containers/\\w+/hostname`).test(mounts);
        if (isOurs) process.kill(Number(name), 'SIGKILL');
      } catch {
        continue; // Ended meanwhile.
      }
    }
  }
}
