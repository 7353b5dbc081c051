import { z } from 'zod';
import type { Role } from '../../topology/node.js';
import { ROLES } from '../../topology/node.js';
import { nearest } from '../../util/closest.js';
import type { Json } from '../lint/json.js';
import { below, itemsOf, memberPath, shown } from '../lint/json.js';
import type { At } from '../lint/json.js';
import { isSecretName } from '../lint/secret-names.js';
import { ownVariables } from './own-variables.js';
import { VALUES } from './values-schema-codec.js';
import type { AppValues, NodeValues, Values } from './values.js';
import { RECONCILER } from './values.js';

/** A mistake in the values. */
export interface ValuesFault {
  /** `apps.media.instances`; empty = the whole file. */
  readonly path: string;
  /** The same in pieces. */
  readonly at: readonly (string | number)[];
  readonly what: string;
}

export type DecodedValues =
  | { readonly kind: 'ok'; readonly values: Values }
  | { readonly kind: 'faulty'; readonly faults: readonly ValuesFault[] };

/** Letters that may be wrong in the name of a setting: half of them, at most these. */
const MAX_TYPOS = 3;

type Said = z.output<typeof VALUES>;

/**
 * Reads the values of a data centre from what a YAML file holds: complete values with all defaults, or every
 * mistake with its place. Unknown settings are mistakes. Pure.
 */
export function decodeValues(raw: unknown): DecodedValues {
  const result = VALUES.safeParse(raw);
  if (!result.success) {
    const top: At = { path: '', value: raw as Json };
    return { kind: 'faulty', faults: result.error.issues.flatMap((issue) => faultsOf(issue, top)) };
  }
  const values = valuesOf(result.data);
  const own = ownVariables(values).map(({ at }) =>
    fault(at, 'the definition sets it by itself, from the other settings; remove it here'),
  );
  const faults = [...jointFaults(result.data), ...own];
  return faults.length > 0 ? { kind: 'faulty', faults } : { kind: 'ok', values };
}

function valuesOf(said: Said): Values {
  const { zookeeperAuth, routeSecret, apps: all, drainDeadline, group, ...same } = said;
  const nodes = Object.fromEntries(
    ROLES.map((role) => [role, nodeOf(all[role], drainDeadline)]),
  ) as Record<Role, NodeValues>;
  return {
    ...same,
    group: group ?? `/${said.cluster}/${said.dc}`,
    hasZookeeperAuth: zookeeperAuth,
    hasRouteSecret: routeSecret,
    nodes,
    reconciler: appOf(all[RECONCILER]),
  };
}

function nodeOf(said: Said['apps'][Role], drainDeadlineMs: number): NodeValues {
  const { sipPort, ports: furtherPorts, drainDeadline } = said;
  return {
    ...appOf(said),
    sipPort,
    furtherPorts,
    drainDeadlineMs: drainDeadline ?? drainDeadlineMs,
  };
}

function appOf(said: Said['apps'][typeof RECONCILER]): AppValues {
  const { instances, cpus, mem, acceptedResourceRoles, env } = said;
  const leastInstances =
    said.leastInstances ?? Math.max(Math.min(2, instances), Math.ceil(instances / 2));
  return {
    ...{ instances, leastInstances, cpus, mem, acceptedResourceRoles, env },
    constraints: said.constraints,
  };
}

/** What no setting says by itself. */
function jointFaults(said: Said): ValuesFault[] {
  const remote = Object.keys(said.remoteZookeepers).includes(said.dc)
    ? [
        fault(
          ['remoteZookeepers', said.dc],
          `expected other data centres, found our own (dc: ${said.dc})`,
        ),
      ]
    : [];
  const least = [...ROLES, RECONCILER].flatMap((name) => {
    const { instances, leastInstances } = said.apps[name as Role];
    if (leastInstances === undefined || leastInstances <= Math.max(1, instances)) return [];
    const what = `expected at most instances (${instances}), found ${leastInstances}`;
    return [fault(['apps', name, 'leastInstances'], what)];
  });
  return [...remote, ...least];
}

function fault(at: readonly (string | number)[], what: string): ValuesFault {
  return { path: pathOf(at), at, what };
}

function pathOf(at: readonly (string | number)[]): string {
  return at.reduce<string>(
    (path, name) => (typeof name === 'number' ? `${path}[${name}]` : memberPath(path, name)),
    '',
  );
}

type Issue = z.core.$ZodIssue;

function faultsOf(issue: Issue, top: At): ValuesFault[] {
  const at = issue.path.map((name) => (typeof name === 'number' ? name : String(name)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => fault([...at, key], unknownText(key, knownAt(at))));
  }
  const { value } = placeOf(top, at);
  const needed = issue.code === 'invalid_key' ? 'a name that is allowed here' : issue.message;
  const found = at.some((name) => isSecretName(String(name)))
    ? 'something else (a secret, not shown)'
    : shown(value);
  return [fault(at, `expected ${needed}, found ${found}`)];
}

function placeOf(top: At, at: readonly (string | number)[]): At {
  return at.reduce<At>(
    (place, name) =>
      typeof name === 'number'
        ? (itemsOf(place)[name] ?? { path: '', value: undefined })
        : below(place, name),
    top,
  );
}

function unknownText(key: string, known: readonly string[]): string {
  const meant = nearest(key, known, Math.min(MAX_TYPOS, Math.ceil(key.length / 2)));
  return meant === null
    ? `no such setting; there are ${known.join(', ')}`
    : `no such setting; did you mean "${meant}"?`;
}

/** The settings that an object at this place may have. */
function knownAt(at: readonly (string | number)[]): readonly string[] {
  let schema: unknown = VALUES;
  for (const name of at) schema = memberOf(plainSchema(schema), name);
  const plain = plainSchema(schema);
  return plain instanceof z.ZodObject ? Object.keys(plain.shape) : [];
}

function memberOf(schema: unknown, name: string | number): unknown {
  if (schema instanceof z.ZodArray) return schema.element;
  if (!(schema instanceof z.ZodObject)) return undefined;
  return (schema.shape as Record<string, unknown>)[String(name)];
}

/** Without what defaults wrap around it. */
function plainSchema(schema: unknown): unknown {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? plainSchema(schema.unwrap())
    : schema;
}
