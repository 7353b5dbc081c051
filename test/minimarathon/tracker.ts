import type { Condition, Goal, Instance } from './instance.js';
import { isLive } from './instance.js';
import { newInstanceId } from './paths.js';
import type { RunSpec } from './run-spec.js';

/** What happened to an instance. */
export interface InstanceChange {
  readonly kind: 'condition' | 'goal' | 'health' | 'expunged';
  readonly instance: Instance;
}

type Listener = (change: InstanceChange) => void;

/** All instances: the only place that changes them, and tells of it. */
export class Tracker {
  readonly #instances = new Map<string, Instance>();
  readonly #listeners = new Set<Listener>();

  /** Every change, in order, synchronously; the answer ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get all(): readonly Instance[] {
    return [...this.#instances.values()];
  }

  find(id: string): Instance | undefined {
    return this.#instances.get(id);
  }

  of(runSpecId: string): readonly Instance[] {
    return this.all.filter((instance) => instance.spec.id === runSpecId);
  }

  /** A new one that waits for an offer. */
  add(spec: RunSpec): Instance {
    const instance: Instance = {
      id: newInstanceId(spec.id),
      spec,
      goal: 'Running',
      condition: 'Scheduled',
      sinceMs: Date.now(),
      activeSinceMs: null,
      stagedAtMs: null,
      host: null,
      healthy: null,
      incarnation: 0,
      tasks: [],
      unreachableSinceMs: null,
    };
    this.#instances.set(instance.id, instance);
    this.#tell({ kind: 'condition', instance });
    return instance;
  }

  /** Says nothing when it is so already. */
  setCondition(instance: Instance, condition: Condition): void {
    if (instance.condition === condition) return;
    instance.condition = condition;
    instance.sinceMs = Date.now();
    this.#tell({ kind: 'condition', instance });
  }

  setHealth(instance: Instance, healthy: boolean | null): void {
    if (instance.healthy === healthy) return;
    instance.healthy = healthy;
    this.#tell({ kind: 'health', instance });
  }

  /** One that shall go and has no task any more is gone at once. */
  setGoal(instance: Instance, goal: Goal): void {
    if (instance.goal === goal || !this.#instances.has(instance.id)) return;
    instance.goal = goal;
    if (goal === 'Decommissioned' && !instance.tasks.some(isLive)) this.expunge(instance);
    else this.#tell({ kind: 'goal', instance });
  }

  /** Forgets it, whatever runs. */
  expunge(instance: Instance): void {
    if (!this.#instances.delete(instance.id)) return;
    this.#tell({ kind: 'expunged', instance });
  }

  #tell(change: InstanceChange): void {
    for (const listener of [...this.#listeners]) listener(change);
  }
}
