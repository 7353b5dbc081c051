import type { Instance, Task } from './instance.js';
import { considerTerminal, isLive } from './instance.js';
import { reportStatus, stopTask } from './task-status.js';
import type { World } from './world.js';

/** Conditions in which Mesos would only repeat itself. */
const UNKILLABLE = ['Unreachable', 'UnreachableInactive', 'Gone'];

/**
 * Marathon's kill service: a kill is sent again every `killRetryMs`, for ever, until the task is
 * terminal. An instance that shall go is killed as soon as its goal says so.
 */
export class KillService {
  readonly #world: World;
  readonly #inFlight = new Map<string, () => void>();

  constructor(world: World) {
    this.#world = world;
    world.tracker.listen(({ kind, instance }) => {
      if (kind === 'expunged' || considerTerminal(instance.condition)) this.#forget(instance);
      else if (instance.goal === 'Decommissioned') this.kill(instance);
    });
  }

  /** Nothing when its kill is under way already. */
  kill(instance: Instance): void {
    if (UNKILLABLE.includes(instance.condition) && instance.goal === 'Running') {
      this.#world.tracker.setGoal(instance, 'Decommissioned');
      this.#world.scaleCheck(instance.spec.id);
      return;
    }
    if (this.#inFlight.has(instance.id) || !instance.tasks.some(isLive)) return;
    const { timers, timing } = this.#world;
    const again = timers.every(timing.killRetryMs, () => this.#send(instance));
    this.#inFlight.set(instance.id, again);
    this.#send(instance);
  }

  /** A task whose instance is not known any more. */
  killOrphan(instance: Instance, task: Task): void {
    this.#deliver(instance, task);
  }

  #send(instance: Instance): void {
    for (const task of instance.tasks.filter(isLive)) {
      const { slowKillsMs } = this.#world.switches;
      if (slowKillsMs === 0) this.#deliver(instance, task);
      else this.#world.timers.after(slowKillsMs, () => this.#deliver(instance, task));
    }
  }

  #deliver(instance: Instance, task: Task): void {
    const world = this.#world;
    // A lost host's agent hears nothing: whoever retries will reach it when it is back.
    if (world.hosts.get(task.hostname)?.isLost === true || !isLive(task)) return;
    task.isKilled = true;
    if (world.isTaskKillingShown && task.state === 'TASK_RUNNING') {
      reportStatus(world, instance, task, 'TASK_KILLING', '');
    }
    stopTask(world, instance, task);
  }

  #forget(instance: Instance): void {
    this.#inFlight.get(instance.id)?.();
    this.#inFlight.delete(instance.id);
  }
}
