import { InvalidInputError } from '../../util/errors.js';
import type { Role } from '../../topology/node.js';
import { ROLES } from '../../topology/node.js';

/** JSON as it was read. */
export type Definition = Readonly<Record<string, unknown>>;

/** An app as a file names it. */
export interface AppWanted {
  /** Absolute. */
  readonly id: string;
  /** CARNA_ROLE; null: no SIP node (the reconciler, for example). */
  readonly role: Role | null;
  /** Marathon makes it 1 where the file says nothing. */
  readonly instances: number;
  readonly definition: Definition;
}

/** Groups inside groups beyond which nobody looks. */
const MAX_DEPTH = 32;

/** The absolute id of a group's definition. Throws InvalidInputError when it has none. Pure. */
export function groupIdOf(group: Definition): string {
  const { id } = group;
  if (typeof id === 'string' && id !== '' && id !== '/') return resolveId(id, '/');
  throw new InvalidInputError('group', 'expected an id like /carna/dc1');
}

/** All apps of a group and the groups in it, with absolute ids. Pure. */
export function appsOfGroup(group: Definition): readonly AppWanted[] {
  const found: AppWanted[] = [];
  mapApps(group, (app) => {
    found.push(app);
    return app.definition;
  });
  return found;
}

/** The same group with each app's definition as `change` gives it. Pure when `change` is. */
export function mapApps(group: Definition, change: (app: AppWanted) => Definition): Definition {
  return mapGroup(group, '/', change, 0);
}

/** One app's definition as the file has it, with its absolute id. Pure. */
export function appWanted(definition: Definition, parent: string): AppWanted {
  const { id, instances, env } = definition;
  const role = isObject(env) ? env['CARNA_ROLE'] : undefined;
  return {
    id: resolveId(typeof id === 'string' ? id : '', parent),
    role: ROLES.find((known) => known === role) ?? null,
    instances: typeof instances === 'number' ? instances : 1,
    definition,
  };
}

function mapGroup(
  group: Definition,
  parent: string,
  change: (app: AppWanted) => Definition,
  depth: number,
): Definition {
  if (depth > MAX_DEPTH) throw new InvalidInputError('group', `more than ${MAX_DEPTH} levels`);
  const id = resolveId(typeof group['id'] === 'string' ? group['id'] : '', parent);
  const { apps, groups } = group;
  return {
    ...group,
    ...(Array.isArray(apps)
      ? { apps: apps.filter(isObject).map((app) => change(appWanted(app, id))) }
      : {}),
    ...(Array.isArray(groups)
      ? { groups: groups.filter(isObject).map((one) => mapGroup(one, id, change, depth + 1)) }
      : {}),
  };
}

/** The last level of an app's id, by which operators call it: `media`. Pure. */
export function nameOfApp(appId: string): string {
  return appId.slice(appId.lastIndexOf('/') + 1);
}

function resolveId(id: string, parent: string): string {
  const path = id.startsWith('/') ? id : `${parent}/${id}`;
  return path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

/** Whether a value of JSON is an object. */
export function isObject(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
