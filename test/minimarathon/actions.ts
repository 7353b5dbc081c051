import { selectInstancesToKill } from './constraints.js';
import type { Deployment } from './deployment.js';
import { appTerminated } from './events.js';
import type { Instance } from './instance.js';
import { considerTerminal, isActive } from './instance.js';
import type { Action } from './plan.js';
import { Readiness } from './readiness.js';
import { runReplacement } from './replace.js';
import type { RunSpec } from './run-spec.js';
import { propose } from './scaling.js';
import type { InstanceChange } from './tracker.js';
import type { World } from './world.js';

/** Carries one action out. Resolves when it is over, also when the deployment is cancelled. */
export async function perform(world: World, deployment: Deployment, action: Action): Promise<void> {
  switch (action.kind) {
    case 'start':
      return;
    case 'stop':
      return stop(world, deployment, action.spec);
    case 'scale':
      return scale(world, deployment, action.spec, action.toKill);
    case 'restart':
      if (action.spec.app.instances === 0) return;
      return runReplacement(world, deployment, action.spec);
  }
}

/** Victims and newcomers for that number of instances; `toKill` go first. Pure but for the tracker. */
export function proposal(
  world: World,
  spec: RunSpec,
  toKill: readonly string[],
): { readonly toDecommission: readonly Instance[]; readonly toStart: number } {
  return propose(
    world.tracker.of(spec.id),
    toKill,
    (candidates, count) => selectInstancesToKill(spec.app.constraints, candidates, count),
    spec.app.instances,
    spec.app.killSelection,
  );
}

/** Sets their goal and waits until they are terminal, or unreachable. */
export async function decommission(
  world: World,
  instances: readonly Instance[],
  signal: AbortSignal,
): Promise<void> {
  const left = new Set(instances);
  await follow(world, signal, (change, done) => {
    if (change !== undefined) {
      const { kind, instance } = change;
      if (kind === 'expunged' || considerTerminal(instance.condition)) left.delete(instance);
      if (left.size === 0) done();
      return;
    }
    for (const instance of instances) {
      // Asked before: an unreachable one counts as gone already.
      if (considerTerminal(instance.condition)) left.delete(instance);
      world.tracker.setGoal(instance, 'Decommissioned');
    }
    if (left.size === 0) done();
  });
}

async function scale(
  world: World,
  deployment: Deployment,
  spec: RunSpec,
  toKill: readonly string[],
): Promise<void> {
  const { signal } = deployment.abort;
  await decommission(world, proposal(world, spec, toKill).toDecommission, signal);
  if (!signal.aborted) await start(world, deployment, spec);
}

/** Marathon's TaskStartActor: as many new ones as are missing, until they are healthy and ready. */
async function start(world: World, deployment: Deployment, spec: RunSpec): Promise<void> {
  const missing = missingOf(world, spec);
  await follow(world, deployment.abort.signal, (change, done, state: StartState) => {
    if (change === undefined) {
      state.readiness = new Readiness(world, deployment, spec, () => {
        if (state.readiness?.isReached(missing)) done();
      });
      addMissing(world, spec);
      if (missing === 0) done();
      return;
    }
    const { kind, instance } = change;
    if (instance.spec.id !== spec.id) return;
    const isGone = kind === 'expunged' || considerTerminal(instance.condition);
    if (instance.spec.version === spec.version) {
      if (isGone) state.readiness?.forget(instance.id);
      else state.readiness?.take(change);
    }
    const isLost = kind === 'expunged' || instance.condition === 'UnreachableInactive';
    if (isLost) addMissing(world, spec);
  });
}

interface StartState {
  readiness?: Readiness;
}

function missingOf(world: World, spec: RunSpec): number {
  const launched = world.tracker
    .of(spec.id)
    .filter(({ condition }) => isActive(condition) || condition === 'Scheduled');
  return Math.max(0, spec.app.instances - launched.length);
}

function addMissing(world: World, spec: RunSpec): void {
  const missing = missingOf(world, spec);
  for (let n = 0; n < missing; n++) world.tracker.add(spec);
}

async function stop(world: World, deployment: Deployment, spec: RunSpec): Promise<void> {
  await decommission(world, world.tracker.of(spec.id), deployment.abort.signal);
  world.backoff.reset(spec);
  world.hub.publish(appTerminated(spec.id));
}

/**
 * Listens to all changes until `done` is called, or the signal aborts. The first call of `take` has no
 * change: it begins.
 */
export async function follow<S extends object>(
  world: World,
  signal: AbortSignal,
  take: (change: InstanceChange | undefined, done: () => void, state: S) => void,
): Promise<void> {
  if (signal.aborted) return;
  const state = {} as S;
  await new Promise<void>((resolve) => {
    const stopListening = world.tracker.listen((change) => take(change, done, state));
    function done(): void {
      stopListening();
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
    take(undefined, done, state);
  });
}
