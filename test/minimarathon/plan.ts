import { Refusal } from './accept.js';
import { isUpgrade, stable } from './definition.js';
import { isWithin } from './paths.js';
import type { RunSpec, RunSpecs } from './run-spec.js';

/** One action of a step; `toKill`: instance ids that must go. */
export type Action =
  | { readonly kind: 'start' | 'stop' | 'restart'; readonly spec: RunSpec }
  | { readonly kind: 'scale'; readonly spec: RunSpec; readonly toKill: readonly string[] };

export type Step = readonly Action[];

/** A change of the whole tree, as steps. */
export interface Plan {
  readonly original: RunSpecs;
  readonly target: RunSpecs;
  readonly steps: readonly Step[];
}

/** Which groups an app's or group's dependencies name, beside those of the app itself. */
export type GroupDependencies = ReadonlyMap<string, readonly string[]>;

/** Marathon's DeploymentPlan: destroy, start with 0, then by the length of the dependencies. Throws a Refusal for a circle. Pure. */
export function planOf(
  original: RunSpecs,
  target: RunSpecs,
  groups: GroupDependencies,
  toKill: ReadonlyMap<string, readonly string[]> = new Map(),
): Plan {
  const gone = [...original.values()].filter((spec) => !target.has(spec.id));
  const added = [...target.values()].filter((spec) => !original.has(spec.id));
  const changed = [...target.values()].filter((spec) => original.get(spec.id) !== spec);
  const byDepth = new Map<number, Action[]>();
  for (const spec of changed) {
    const action = actionOf(original.get(spec.id), spec, toKill.get(spec.id) ?? []);
    if (action === undefined) continue;
    const depth = depthOf(spec.id, target, groups, []);
    byDepth.set(depth, [...(byDepth.get(depth) ?? []), action]);
  }
  const ordered = [...byDepth].sort(([a], [b]) => a - b).map(([, actions]) => actions);
  const steps: Step[] = [
    gone.map((spec) => ({ kind: 'stop' as const, spec })),
    added.map((spec) => ({ kind: 'start' as const, spec })),
    ...ordered,
  ];
  return { original, target, steps: steps.filter((step) => step.length > 0) };
}

/** The run specs that the plan acts on: what it locks. Pure. */
export function affectedIds(plan: Plan): readonly string[] {
  return [...new Set(plan.steps.flatMap((step) => step.map((action) => action.spec.id)))];
}

/** Marathon's name of an action, with the id under its kind. Pure. */
export function actionJson(action: Action): Readonly<Record<string, string>> {
  const verbs = { start: 'Start', stop: 'Stop', scale: 'Scale', restart: 'Restart' };
  const noun = action.spec.kind === 'app' ? 'Application' : 'Pod';
  return { action: `${verbs[action.kind]}${noun}`, [action.spec.kind]: action.spec.id };
}

/** Whether any difference but the number of instances is there. Pure. */
export function isChange(from: RunSpec, to: RunSpec): boolean {
  return isUpgrade(from.app, to.app) || stable(from.pod) !== stable(to.pod);
}

function actionOf(
  old: RunSpec | undefined,
  spec: RunSpec,
  toKill: readonly string[],
): Action | undefined {
  if (old === undefined) return { kind: 'scale', spec, toKill: [] };
  const hasChanged = isChange(old, spec);
  const isScaled = old.app.instances !== spec.app.instances;
  if ((!hasChanged && isScaled) || spec.app.instances === 0) return { kind: 'scale', spec, toKill };
  if (hasChanged || old.version !== spec.version) return { kind: 'restart', spec };
  return undefined;
}

/** The length of the longest chain of dependencies, the app itself included. */
function depthOf(
  id: string,
  specs: RunSpecs,
  groups: GroupDependencies,
  seen: readonly string[],
): number {
  if (seen.includes(id)) {
    const errors = ['Dependency graph has cyclic dependencies.'];
    throw new Refusal(422, 'Object is not valid', { details: [{ path: '/', errors }] });
  }
  const below = dependenciesOf(id, specs, groups).map((other) =>
    depthOf(other, specs, groups, [...seen, id]),
  );
  return 1 + Math.max(0, ...below);
}

/** All run specs that this one needs, through its own and its groups' dependencies. Pure. */
export function dependenciesOf(
  id: string,
  specs: RunSpecs,
  groups: GroupDependencies,
): readonly string[] {
  const own = specs.get(id)?.app.dependencies ?? [];
  const inherited = [...groups]
    .filter(([group]) => isWithin(id, group))
    .flatMap(([, deps]) => deps);
  const wanted = [...own, ...inherited];
  return [...specs.keys()].filter(
    (other) => other !== id && wanted.some((dependency) => isWithin(other, dependency)),
  );
}
