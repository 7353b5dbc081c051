import { follow } from './actions.js';
import type { Deployment } from './deployment.js';
import type { Instance } from './instance.js';
import { considerTerminal, isConsideredHealthy } from './instance.js';
import { Readiness } from './readiness.js';
import { restartStrategy } from './restart-strategy.js';
import type { RunSpec } from './run-spec.js';
import type { InstanceChange } from './tracker.js';
import type { World } from './world.js';

/** Replaces all instances of other versions, step by step. Resolves when done or cancelled. */
export async function runReplacement(
  world: World,
  deployment: Deployment,
  spec: RunSpec,
): Promise<void> {
  await follow(
    world,
    deployment.abort.signal,
    (change, done, state: { replacement?: Replacement }) => {
      state.replacement ??= new Replacement(world, deployment, spec, done);
      if (change === undefined) state.replacement.begin();
      else state.replacement.take(change);
    },
  );
}

/** Marathon's TaskReplaceActor: counts old and new instances by their changes. */
class Replacement {
  readonly #world: World;
  readonly #spec: RunSpec;
  readonly #done: () => void;
  readonly #readiness: Readiness;
  #maxCapacity = 0;
  #started = 0;
  #toKill: Instance[] = [];
  readonly #oldActive = new Set<string>();

  constructor(world: World, deployment: Deployment, spec: RunSpec, done: () => void) {
    this.#world = world;
    this.#spec = spec;
    this.#done = done;
    this.#readiness = new Readiness(world, deployment, spec, (id) => this.#improved(id));
  }

  begin(): void {
    const current = this.#world.tracker.of(this.#spec.id);
    const fresh = current.filter((instance) => !this.#isOld(instance));
    const old = current.filter((one) => this.#isOld(one) && one.goal === 'Running');
    const { instances, upgradeStrategy } = this.#spec.app;
    const healthy = current.filter((one) => one.goal === 'Running' && isConsideredHealthy(one));
    const { toKillAtOnce, maxCapacity } = restartStrategy({
      instances,
      ...upgradeStrategy,
      healthy: healthy.length,
      current: current.length,
    });
    this.#maxCapacity = maxCapacity;
    this.#started = fresh.length;
    for (const instance of old) this.#oldActive.add(instance.id);
    // The unhealthy go first.
    this.#toKill = [...old].sort(
      (a, b) => Number(isConsideredHealthy(a)) - Number(isConsideredHealthy(b)),
    );
    for (const instance of fresh) this.#readiness.reconcile(instance);
    for (let n = 0; n < toKillAtOnce; n++) this.#killNextOld();
    this.#launch();
    this.#world.backoff.reset(this.#spec);
    this.#checkFinished();
  }

  take(change: InstanceChange): void {
    const { instance } = change;
    if (instance.spec.id !== this.#spec.id) return;
    if (this.#isOld(instance)) this.#takeOld(change);
    else this.#takeNew(change);
  }

  #takeNew(change: InstanceChange): void {
    const { kind, instance } = change;
    if (kind === 'condition' && considerTerminal(instance.condition)) {
      this.#readiness.forget(instance.id);
      if (instance.goal === 'Decommissioned') this.#started -= 1;
    }
    this.#readiness.take(change);
  }

  #takeOld({ kind, instance }: InstanceChange): void {
    const { tracker } = this.#world;
    if (kind === 'health') return;
    const hasEnded = considerTerminal(instance.condition) || kind === 'expunged';
    if (hasEnded && instance.goal === 'Running') {
      // It ended by itself: what replaces it is of the new version.
      this.#oldActive.delete(instance.id);
      tracker.setGoal(instance, 'Decommissioned');
    }
    if (!hasEnded || instance.goal === 'Running') return;
    this.#oldActive.delete(instance.id);
    this.#launch();
    this.#checkFinished();
  }

  #improved(instanceId: string): void {
    const { healthy, ready } = this.#readiness;
    if (healthy.has(instanceId) && ready.has(instanceId)) this.#killNextOld();
    this.#checkFinished();
  }

  #launch(): void {
    const { instances } = this.#spec.app;
    const capacity = Math.max(0, this.#maxCapacity - this.#oldActive.size - this.#started);
    const count = Math.min(Math.max(0, instances - this.#started), capacity);
    this.#started += count;
    for (let n = 0; n < count; n++) this.#world.tracker.add(this.#spec);
  }

  #killNextOld(): void {
    const next = this.#toKill.shift();
    if (next !== undefined) this.#world.tracker.setGoal(next, 'Decommissioned');
  }

  #checkFinished(): void {
    const isReached = this.#readiness.isReached(this.#spec.app.instances);
    if (isReached && this.#oldActive.size === 0) this.#done();
  }

  #isOld(instance: Instance): boolean {
    return instance.spec.version !== this.#spec.version;
  }
}
