import type { Deployment } from './deployment.js';
import { httpStatus } from './http-status.js';
import type { Instance, Task } from './instance.js';
import { isLive } from './instance.js';
import type { RunSpec } from './run-spec.js';
import type { InstanceChange } from './tracker.js';
import type { World } from './world.js';
import { toMs } from './world.js';

/**
 * Marathon's ReadinessBehavior: which new instances of a version became healthy and ready during an
 * action. A health check that fails later takes nothing back; the end of the instance does.
 */
export class Readiness {
  readonly healthy = new Set<string>();
  readonly ready = new Set<string>();
  readonly #world: World;
  readonly #deployment: Deployment;
  readonly #spec: RunSpec;
  readonly #changed: (instanceId: string) => void;

  /** `changed`: an instance became healthy or ready. */
  constructor(
    world: World,
    deployment: Deployment,
    spec: RunSpec,
    changed: (instanceId: string) => void,
  ) {
    this.#world = world;
    this.#deployment = deployment;
    this.#spec = spec;
    this.#changed = changed;
  }

  isReached(count: number): boolean {
    return this.healthy.size === count && this.ready.size === count;
  }

  /** Instances of that version that are there already. */
  reconcile(instance: Instance): void {
    if (!this.#hasHealthChecks() || instance.healthy === true) this.healthy.add(instance.id);
    if (!this.#hasReadinessChecks()) this.ready.add(instance.id);
    else this.#startChecks(instance);
  }

  take({ kind, instance }: InstanceChange): void {
    if (instance.spec.version !== this.#spec.version) return;
    if (kind === 'condition' && instance.condition === 'Running') this.#takeRunning(instance);
    if (kind !== 'health' || instance.healthy !== true || !this.#hasHealthChecks()) return;
    if (this.healthy.has(instance.id)) return;
    this.healthy.add(instance.id);
    if (!this.#hasReadinessChecks()) this.ready.add(instance.id);
    this.#changed(instance.id);
  }

  forget(instanceId: string): void {
    this.healthy.delete(instanceId);
    this.ready.delete(instanceId);
  }

  #hasHealthChecks(): boolean {
    return this.#spec.app.healthChecks.length > 0;
  }

  #hasReadinessChecks(): boolean {
    return this.#spec.app.readinessChecks.length > 0;
  }

  #takeRunning(instance: Instance): void {
    if (!this.#hasHealthChecks()) this.healthy.add(instance.id);
    if (this.#hasReadinessChecks()) return this.#startChecks(instance);
    if (this.#hasHealthChecks()) return;
    this.ready.add(instance.id);
    this.#changed(instance.id);
  }

  #startChecks(instance: Instance): void {
    for (const task of instance.tasks) {
      if (task.state === 'TASK_RUNNING') void this.#check(instance, task);
    }
  }

  /** Asked at the host's name and the leased port until it says ready. */
  async #check(instance: Instance, task: Task): Promise<void> {
    const check = this.#spec.app.readinessChecks[0];
    if (check === undefined || !this.#isWanted(task)) return;
    const names = this.#spec.app.container?.portMappings ?? this.#spec.app.portDefinitions ?? [];
    const port = task.ports[names.findIndex(({ name }) => name === check.portName)];
    const timeoutMs = toMs(this.#world, check.timeoutSeconds);
    const isReady =
      typeof port === 'number' &&
      check.httpStatusCodesForReady.includes(
        (await httpStatus(task.hostname, port, check.path, timeoutMs)) ?? 0,
      );
    if (!this.#isWanted(task)) return;
    // The schema wants an instance's id there; the newest Marathon writes the task's, which fits it too.
    const result = { name: check.name, taskId: instance.id, ready: isReady };
    this.#deployment.readiness.set(instance.id, result);
    if (!isReady) {
      const pauseMs = toMs(this.#world, check.intervalSeconds);
      this.#world.timers.after(pauseMs, () => void this.#check(instance, task));
      return;
    }
    this.ready.add(instance.id);
    this.#changed(instance.id);
  }

  #isWanted(task: Task): boolean {
    return isLive(task) && !this.#deployment.abort.signal.aborted && !this.#world.closed.aborted;
  }
}
