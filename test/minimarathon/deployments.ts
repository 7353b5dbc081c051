import { randomUUID } from 'node:crypto';
import { Refusal } from './accept.js';
import { decommission, perform, proposal } from './actions.js';
import type { Deployment } from './deployment.js';
import { deploymentFailed, deploymentStep, deploymentSuccess } from './events.js';
import type { Plan } from './plan.js';
import { affectedIds } from './plan.js';
import type { World } from './world.js';

/** As Marathon says it; `deployments` in the same body name them. */
const LOCKED =
  "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.";

/** The changes under way, and the lock that each puts on its apps. */
export class Deployments {
  readonly #world: World;
  readonly #running = new Map<string, Deployment>();
  #release: (() => void)[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get running(): readonly Deployment[] {
    return [...this.#running.values()];
  }

  find(id: string): Deployment | undefined {
    return this.#running.get(id);
  }

  /** Those that hold that app. */
  locking(runSpecId: string): readonly Deployment[] {
    return this.running.filter(({ plan }) => affectedIds(plan).includes(runSpecId));
  }

  /** Throws the 409 that names the conflicting deployments; forced, cancels them instead. */
  start(plan: Plan, version: string, isForced: boolean): Deployment {
    const conflicts = new Set(affectedIds(plan).flatMap((id) => this.locking(id)));
    if (conflicts.size > 0 && !isForced) {
      throw new Refusal(409, LOCKED, { deployments: [...conflicts].map(({ id }) => ({ id })) });
    }
    for (const conflict of conflicts) this.cancel(conflict);
    const deployment = newDeployment(plan, version);
    this.#running.set(deployment.id, deployment);
    void this.#run(deployment);
    return deployment;
  }

  /** A lock that does nothing; ended by `finish` or `cancel`. */
  hold(plan: Plan, version: string): Deployment {
    const deployment = newDeployment(plan, version);
    deployment.currentStep = 1;
    this.#running.set(deployment.id, deployment);
    return deployment;
  }

  /** It is over. */
  finish(deployment: Deployment): void {
    if (!this.#running.delete(deployment.id)) return;
    this.#world.hub.publish(deploymentSuccess(deployment));
    // What ended while the lock stood was not looked after.
    for (const id of affectedIds(deployment.plan)) this.scaleCheck(id);
  }

  /** No further step; what is being killed goes on being killed. */
  cancel(deployment: Deployment): void {
    if (!this.#running.delete(deployment.id)) return;
    deployment.abort.abort();
    this.#world.hub.publish(deploymentFailed(deployment, 'The upgrade has been cancelled'));
  }

  /** Lets go what waited while deployments were held. */
  release(): void {
    const waiting = this.#release;
    this.#release = [];
    for (const resolve of waiting) resolve();
  }

  /** Ends all without a word. */
  close(): void {
    for (const deployment of this.running) deployment.abort.abort();
    this.#running.clear();
    this.release();
  }

  /** An app without a deployment is brought to its number of instances. */
  scaleCheck(runSpecId: string): void {
    const spec = this.#world.store.root.specs.get(runSpecId);
    if (spec === undefined || this.locking(runSpecId).length > 0) return;
    const { toDecommission, toStart } = proposal(this.#world, spec, []);
    for (let n = 0; n < toStart; n++) this.#world.tracker.add(spec);
    if (toDecommission.length > 0)
      void decommission(this.#world, toDecommission, this.#world.closed);
  }

  async #run(deployment: Deployment): Promise<void> {
    const { signal } = deployment.abort;
    const { hub } = this.#world;
    await new Promise((resolve) => setImmediate(resolve));
    for (const step of deployment.plan.steps) {
      await this.#whileHeld();
      if (signal.aborted) return;
      deployment.currentStep += 1;
      deployment.readiness.clear();
      hub.publish(deploymentStep('deployment_info', deployment, step));
      await Promise.all(step.map((action) => perform(this.#world, deployment, action)));
      if (signal.aborted) return;
      hub.publish(deploymentStep('deployment_step_success', deployment, step));
    }
    this.finish(deployment);
  }

  async #whileHeld(): Promise<void> {
    while (this.#world.switches.isHeld && !this.#world.closed.aborted) {
      await new Promise<void>((resolve) => this.#release.push(resolve));
    }
  }
}

function newDeployment(plan: Plan, version: string): Deployment {
  return {
    id: randomUUID(),
    version,
    plan,
    abort: new AbortController(),
    currentStep: 0,
    readiness: new Map(),
  };
}
