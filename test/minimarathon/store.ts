import type { Doc } from './accept.js';
import { Refusal } from './accept.js';
import type { AppDefinition } from './definition.js';
import { absolutePath, isWithin, parentOf } from './paths.js';
import type { GroupDependencies } from './plan.js';
import { isChange } from './plan.js';
import type { RunSpec, RunSpecs } from './run-spec.js';

/** How many versions of an app are kept. */
const MAX_VERSIONS = 100;

/** The tree of one moment. */
export interface Root {
  readonly specs: RunSpecs;
  /** Every group that exists, with its own dependencies. */
  readonly groups: GroupDependencies;
  readonly version: string;
}

/** What is defined: the tree, and the versions that were. */
export class Store {
  #root: Root = { specs: new Map(), groups: new Map([['/', []]]), version: versionAt(0) };
  #lastVersionMs = 0;
  readonly #versions = new Map<string, RunSpec[]>();

  get root(): Root {
    return this.#root;
  }

  /** A version later than all before it. */
  nextVersion(): string {
    this.#lastVersionMs = Math.max(Date.now(), this.#lastVersionMs + 1);
    return versionAt(this.#lastVersionMs);
  }

  /** Takes the tree over, and keeps the new versions of its specs. */
  replace(root: Root): void {
    for (const spec of root.specs.values()) {
      if (this.#root.specs.get(spec.id) === spec) continue;
      const kept = this.#versions.get(spec.id) ?? [];
      this.#versions.set(spec.id, [spec, ...kept].slice(0, MAX_VERSIONS));
    }
    this.#root = root;
  }

  /** Newest first. */
  versionsOf(id: string): readonly RunSpec[] {
    return this.#versions.get(id) ?? [];
  }
}

const versionAt = (ms: number): string => new Date(ms).toISOString();

/** The tree with that spec in it; its groups exist then. Pure. */
export function withSpec(root: Root, spec: RunSpec, version: string): Root {
  const specs = new Map(root.specs).set(spec.id, spec);
  return { specs, groups: withGroup(root.groups, parentOf(spec.id)), version };
}

/** The tree without that spec. Pure. */
export function withoutSpec(root: Root, id: string, version: string): Root {
  const specs = new Map(root.specs);
  specs.delete(id);
  return { ...root, specs, version };
}

/** The tree without a group and all below it. Pure. */
export function withoutGroup(root: Root, id: string, version: string): Root {
  const specs = new Map([...root.specs].filter(([spec]) => !isWithin(spec, id)));
  const groups = new Map([...root.groups].filter(([group]) => !isWithin(group, id)));
  return { specs, groups: groups.has('/') ? groups : new Map([['/', []]]), version };
}

/** The groups with that one and all above it. Pure. */
export function withGroup(
  groups: GroupDependencies,
  id: string,
  dependencies?: readonly string[],
): GroupDependencies {
  const all = new Map(groups);
  for (let path = id; path !== '/'; path = parentOf(path)) if (!all.has(path)) all.set(path, []);
  if (dependencies !== undefined) all.set(id, dependencies);
  return all;
}

/**
 * The next version of a spec: `before` itself when nothing differs, a scaling or a change of the
 * configuration otherwise. Pure.
 */
export function nextSpec(before: RunSpec | undefined, next: RunSpec): RunSpec {
  if (before === undefined) return next;
  if (isChange(before, next)) return { ...next, lastScalingAt: next.version };
  if (before.app.instances === next.app.instances) return before;
  return { ...next, lastConfigChangeAt: before.lastConfigChangeAt };
}

/** The app with its dependencies as absolute paths, as Marathon keeps them. Throws a Refusal for a broken path. Pure. */
export function resolved(app: AppDefinition): AppDefinition {
  const group = parentOf(app.id);
  return { ...app, dependencies: app.dependencies.map((path) => absolutePath(path, group)) };
}

/** Throws the 404 of an app that is none. */
export function specOf(root: Root, id: string, kind: 'app' | 'pod'): RunSpec {
  const spec = root.specs.get(id);
  const noun = kind === 'app' ? 'App' : 'Pod';
  if (spec?.kind !== kind) throw new Refusal(404, `${noun} '${id}' does not exist`);
  return spec;
}

/** The members of a document that is an object; a Refusal with 422 otherwise. Pure. */
export function docOf(value: unknown): Doc {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Doc;
  throw new Refusal(422, 'Invalid JSON', { details: 'expected an object' });
}
