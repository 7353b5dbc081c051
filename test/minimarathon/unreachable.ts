import { statusUpdate } from './events.js';
import type { Host } from './hosts.js';
import type { Instance, Task } from './instance.js';
import { isLive } from './instance.js';
import type { KillService } from './kill.js';
import { reportEnd, reportStatus } from './task-status.js';
import type { World } from './world.js';
import { toMs } from './world.js';

/** Hosts whose agent is silent, and what becomes of their tasks. */
export class Unreachability {
  readonly #world: World;
  readonly #kills: KillService;
  readonly #pending = new Map<Host, () => void>();

  constructor(world: World, kills: KillService) {
    this.#world = world;
    this.#kills = kills;
    world.timers.every(world.timing.reconcileMs, () => this.#reconcile());
  }

  /** Throws for a host that is none. */
  lose(hostname: string): void {
    const host = this.#hostOf(hostname);
    if (host.isLost) return;
    host.isLost = true;
    const { timers, timing } = this.#world;
    this.#pending.set(
      host,
      timers.after(timing.unreachableAfterMs, () => this.#declare(host)),
    );
  }

  /** What was given up is killed, what ended meanwhile has ended, the rest is running again. */
  giveBack(hostname: string): void {
    const host = this.#hostOf(hostname);
    if (!host.isLost) return;
    host.isLost = false;
    this.#pending.get(host)?.();
    for (const [instance, task] of this.#tasksOn(hostname)) this.#revive(instance, task);
    for (const orphan of [...this.#world.orphans]) {
      const { instance, task } = orphan;
      if (task.hostname !== hostname) continue;
      this.#world.orphans.delete(orphan);
      if (task.end !== null) reportEnd(this.#world, instance, task);
      else this.#kills.killOrphan(instance, task);
    }
  }

  #hostOf(hostname: string): Host {
    const host = this.#world.hosts.get(hostname);
    if (host === undefined) throw new Error(`no host ${hostname}`);
    return host;
  }

  #tasksOn(hostname: string): readonly (readonly [Instance, Task])[] {
    return this.#world.tracker.all.flatMap((instance) =>
      instance.tasks
        .filter((task) => task.hostname === hostname && isLive(task))
        .map((task) => [instance, task] as const),
    );
  }

  #declare(host: Host): void {
    for (const [instance, task] of this.#tasksOn(host.offer.hostname)) {
      if (task.state === 'TASK_UNREACHABLE') continue;
      instance.unreachableSinceMs = Date.now();
      // Without a delay it is inactive in the same breath: Unreachable never shows.
      if (this.#isExpired(instance, 'inactiveAfterSeconds')) {
        task.state = 'TASK_UNREACHABLE';
        this.#world.hub.publish(statusUpdate(instance, task, 'agent is unreachable'));
      } else {
        reportStatus(this.#world, instance, task, 'TASK_UNREACHABLE', 'agent is unreachable');
      }
      this.#world.tracker.setHealth(instance, null);
      this.#judge(instance);
    }
  }

  #reconcile(): void {
    for (const instance of this.#world.tracker.all) {
      if (instance.tasks.some((task) => task.state === 'TASK_UNREACHABLE')) this.#judge(instance);
    }
  }

  /** Becomes inactive, which lets a replacement start, and is forgotten, by its unreachable strategy. */
  #judge(instance: Instance): void {
    const { tracker, orphans } = this.#world;
    if (this.#isExpired(instance, 'inactiveAfterSeconds')) {
      tracker.setCondition(instance, 'UnreachableInactive');
    }
    if (this.#isExpired(instance, 'expungeAfterSeconds')) {
      for (const task of instance.tasks.filter(isLive)) orphans.add({ instance, task });
      tracker.expunge(instance);
    }
    if (instance.condition === 'UnreachableInactive') this.#world.scaleCheck(instance.spec.id);
  }

  #isExpired(instance: Instance, which: 'inactiveAfterSeconds' | 'expungeAfterSeconds'): boolean {
    const strategy = instance.spec.app.unreachableStrategy;
    if (strategy === 'disabled') return false;
    const sinceMs = instance.unreachableSinceMs ?? Date.now();
    return Date.now() - sinceMs >= toMs(this.#world, strategy[which]);
  }

  #revive(instance: Instance, task: Task): void {
    const wasInactive = instance.condition === 'UnreachableInactive';
    if (task.end !== null) return reportEnd(this.#world, instance, task);
    if (task.state !== 'TASK_UNREACHABLE') return;
    instance.unreachableSinceMs = null;
    reportStatus(this.#world, instance, task, 'TASK_RUNNING', 'agent is back');
    if (task.health !== null) this.#world.tracker.setHealth(instance, task.health.alive);
    if (wasInactive) this.#world.scaleCheck(instance.spec.id);
  }
}
