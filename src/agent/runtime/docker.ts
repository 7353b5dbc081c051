import type { Logger } from 'pino';
import { CarnaError, ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import { EndWatch } from './docker-events.js';
import type { ContainerLife, LifeDeps } from './docker-life.js';
import { superviseContainer } from './docker-life.js';
import type { Removal } from './docker-orphans.js';
import { ownersOf, planOrphans } from './docker-orphans.js';
import { OutputFollower } from './docker-output.js';
import { visibleMainPid } from './docker-pid.js';
import type { ContainerSummary, CreateBody, DockerEngine } from './docker-port.js';
import { DockerAnswerError } from './docker-port.js';
import { missingImage, pullImage } from './docker-pull.js';
import { redactor } from './docker-redact.js';
import type { SelfHints } from './docker-self.js';
import { cgroupPathOf, findSelf } from './docker-self.js';
import type { DockerServer, Placement } from './docker-spec.js';
import { canAutoRemove, containerName, deriveCreateBody, LABEL } from './docker-spec.js';
import type { RunningServer, ServerRuntime } from './runtime.js';
import { removeLeftover } from './docker-volumes.js';
import type { StartEnv } from './server-env.js';

export interface DockerRuntimeOptions extends DockerServer {
  readonly engine: DockerEngine;
  /** What is added to the environment at each start. */
  readonly startEnv?: StartEnv;
  readonly pull: 'missing' | 'never';
  /** CARNA_DOCKER_CONTAINER. */
  readonly container: string | null;
  /** `readSelfHints` of this process. */
  readonly hints: SelfHints;
  /** Default: looks into /proc. */
  readonly mainPid?: (containerId: string) => number | null;
}

/**
 * Runs the SIP server as a container bound to the agent's own: it shares its network, PID namespace and control
 * group, so it neither outlives the agent's container nor escapes the task's limits. An agent in no container
 * starts it on the host's network, unbound; then its successor takes it over or clears it away.
 */
export function dockerRuntime(
  options: DockerRuntimeOptions,
  log: Logger,
  time: Timekeeper,
): ServerRuntime {
  const runtime = new DockerRuntime(options, log, time);
  return {
    isObserver: false,
    adopt: () => runtime.adopt(),
    start: (instanceId, onProgress) => runtime.start(instanceId, onProgress),
  };
}

class DockerRuntime {
  readonly #options: DockerRuntimeOptions;
  readonly #deps: LifeDeps;
  readonly #hide: (text: string) => string;
  #place: Placement | null = null;

  constructor(options: DockerRuntimeOptions, log: Logger, time: Timekeeper) {
    this.#options = options;
    const mainPid = options.mainPid ?? visibleMainPid;
    this.#deps = { engine: options.engine, log, time, mainPid };
    this.#hide = redactor(options.env);
  }

  async adopt(): Promise<RunningServer | null> {
    const { engine } = this.#deps;
    await engine.ping();
    const { own } = await this.#placement();
    const containers = await engine.list(LABEL.task);
    const plan = planOrphans({
      nodeId: this.#options.nodeId,
      ownId: own?.id ?? '',
      containers,
      livingOwners: await this.#livingOf(ownersOf(containers)),
    });
    for (const removal of plan.remove) await this.#remove(removal);
    return plan.adopt === null ? null : this.#takeOver(plan.adopt);
  }

  async start(instanceId: string, onProgress: (text: string) => void): Promise<RunningServer> {
    const { engine } = this.#deps;
    const place = await this.#placement();
    const name = containerName(this.#options.kind, instanceId);
    const added = (await this.#options.startEnv?.()) ?? {};
    const server = { ...this.#options, env: { ...this.#options.env, ...added } };
    const body = deriveCreateBody(server, place, instanceId);
    const id = await this.#create(name, body, onProgress);
    const watch = new EndWatch(id, this.#deps);
    const output = new OutputFollower(id, null, this.#hide, this.#deps);
    try {
      await watch.ready;
      await output.listen();
      await engine.start(id);
    } catch (err) {
      watch.close();
      output.close();
      await this.#discard(id);
      throw this.#told(err);
    }
    output.follow();
    this.#deps.log.info({ container: name, id: id.slice(0, 12) }, 'started the server');
    return this.#supervise({ id, name, instanceId, isAdopted: false, note: null }, watch, output);
  }

  /** Found once: an agent does not change its container. */
  async #placement(): Promise<Placement> {
    if (this.#place !== null) return this.#place;
    const { engine, log } = this.#deps;
    const { container, hints } = this.#options;
    const own = await findSelf(engine, container, hints);
    const info = await engine.info();
    const takesPaths = info.cgroupDriver === 'cgroupfs';
    const cgroupParent = own !== null && takesPaths ? cgroupPathOf(hints.cgroup, own.id) : null;
    if (own?.pidMode === 'host') {
      log.warn(
        { container: own.name },
        "the agent's container has the host's PID namespace: the server would outlive it",
      );
    }
    log.info({ container: own?.name ?? null, cgroupParent }, 'found the place for the server');
    this.#place = { own, cgroupParent, isAutoRemoved: canAutoRemove(info) };
    return this.#place;
  }

  async #livingOf(owners: readonly string[]): Promise<ReadonlySet<string>> {
    const living = new Set<string>();
    for (const owner of owners) {
      if ((await this.#deps.engine.inspect(owner))?.isRunning === true) living.add(owner);
    }
    return living;
  }

  async #remove({ container, why, isOwnNode }: Removal): Promise<void> {
    const { engine, log } = this.#deps;
    const facts = { container: container.name, node: container.labels[LABEL.node], why };
    try {
      const volumes = await removeLeftover(engine, container.id);
      log.warn({ ...facts, volumes }, 'removed a container that a dead agent left');
    } catch (err) {
      if (isOwnNode || !(err instanceof CarnaError)) throw err;
      log.error({ ...facts, err }, 'cannot remove a container that a dead agent left');
    }
  }

  async #takeOver(found: ContainerSummary): Promise<RunningServer | null> {
    const { time, log } = this.#deps;
    const watch = new EndWatch(found.id, this.#deps);
    await watch.ready;
    const note = await this.#noteOf(found).catch((err: unknown) => {
      watch.close();
      throw err;
    });
    const output = new OutputFollower(found.id, time.wallMs(), this.#hide, this.#deps);
    output.follow();
    log.info({ container: found.name, note }, 'took over the running server');
    const instanceId = found.labels[LABEL.instance] ?? found.id.slice(0, 12);
    return this.#supervise(
      { id: found.id, name: found.name, instanceId, isAdopted: true, note },
      watch,
      output,
    );
  }

  /** What differs from the server that would be started now. */
  async #noteOf(found: ContainerSummary): Promise<string | null> {
    const { engine } = this.#deps;
    const facts = await engine.inspect(found.id);
    const image = await engine.inspectImage(this.#options.image);
    if (facts === null) return null; // Its end is noticed like any other.
    if (facts.status === 'paused') return 'its container is paused';
    if (image !== null && image.id !== facts.imageId) {
      return 'it runs another image until its next start';
    }
    const command = this.#options.command ?? image?.command ?? facts.command;
    const isSame = JSON.stringify(command) === JSON.stringify(facts.command);
    return isSame ? null : 'it runs another command until its next start';
  }

  #supervise(
    life: Omit<ContainerLife, 'pid' | 'memoryBytes' | 'isAutoRemoved'>,
    watch: EndWatch,
    output: OutputFollower,
  ): RunningServer {
    const place = this.#place;
    const own = place?.cgroupParent === null ? null : (place?.own?.memoryBytes ?? null);
    const memoryBytes = own ?? this.#options.limits.memoryBytes ?? 0;
    const pid = this.#deps.mainPid(life.id);
    const isAutoRemoved = place?.isAutoRemoved ?? true;
    const whole = { ...life, pid, memoryBytes, isAutoRemoved };
    return superviseContainer(whole, watch, output, this.#deps);
  }

  async #create(
    name: string,
    body: CreateBody,
    onProgress: (text: string) => void,
  ): Promise<string> {
    const { engine, time } = this.#deps;
    const { image, pull } = this.#options;
    try {
      return await engine.create(name, body);
    } catch (err) {
      if (!isMissingImage(err)) throw this.#told(err);
      if (pull === 'never') throw missingImage(image);
    }
    try {
      await pullImage(engine, image, onProgress, time);
      return await engine.create(name, body);
    } catch (err) {
      throw this.#told(err);
    }
  }

  /** The container that did not start; its removal must not hide why. */
  async #discard(id: string): Promise<void> {
    try {
      await this.#deps.engine.remove(id);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err;
      this.#deps.log.warn({ err, id }, 'cannot remove the container that did not start');
    }
  }

  /** The same failure without secrets. */
  #told(err: unknown): unknown {
    if (!(err instanceof ServerStartError)) return err;
    const plain = this.#hide(err.message);
    return plain === err.message ? err : new ServerStartError(plain);
  }
}

function isMissingImage(err: unknown): boolean {
  return (
    err instanceof DockerAnswerError && err.status === 404 && /no such image/i.test(err.message)
  );
}
