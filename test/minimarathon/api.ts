import type { Deployments } from './deployments.js';
import type { Deployment } from './deployment.js';
import { groupChanged } from './events.js';
import type { KillService } from './kill.js';
import { planOf } from './plan.js';
import type { Plan } from './plan.js';
import type { Answer, Call } from './router.js';
import type { Root } from './store.js';
import type { World } from './world.js';

/** What the routes work on. */
export interface Api {
  readonly world: World;
  readonly deployments: Deployments;
  readonly kills: KillService;
  /** `host:port` of who leads. */
  readonly leader: () => string;
}

/** A change of the whole tree; `toKill`: instances of an app that must go. */
export interface Change {
  readonly next: (root: Root, version: string) => Root;
  readonly isForced: boolean;
  readonly toKill?: ReadonlyMap<string, readonly string[]>;
  readonly groupId?: string;
}

/** Makes it a deployment. Throws a Refusal when an app is locked: then nothing has changed. */
export function deploy(api: Api, change: Change): Deployment {
  const { world, deployments } = api;
  const version = world.store.nextVersion();
  const target = change.next(world.store.root, version);
  const plan = planTo(api, target, change.toKill);
  const deployment = deployments.start(plan, version, change.isForced);
  world.store.replace(target);
  world.hub.publish(groupChanged(change.groupId ?? '/', version));
  return deployment;
}

/** The steps to that tree. */
export function planTo(
  api: Api,
  target: Root,
  toKill?: ReadonlyMap<string, readonly string[]>,
): Plan {
  return planOf(api.world.store.root.specs, target.specs, target.groups, toKill);
}

/** `{version, deploymentId}`, and the header. */
export function started({ id, version }: Deployment, status = 200): Answer {
  return {
    status,
    body: { version, deploymentId: id },
    headers: { 'Marathon-Deployment-Id': id },
  };
}

/** A query parameter that is a boolean. */
export function flag(call: Call, name: string, otherwise = false): boolean {
  const value = call.query.get(name);
  return value === null ? otherwise : value === 'true' || value === '';
}
