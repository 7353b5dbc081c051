import { below, isObject, itemsOf, membersOf, textOf } from './json.js';
import type { At } from './json.js';

/** A constraint of an app (list) or a pod (object). */
export interface Constraint {
  readonly path: string;
  readonly field: string;
  readonly operator: string;
  readonly value: string | null;
}

/** Where a process gets its grace from, with the variables that it sees. */
export interface Killed {
  readonly grace: At;
  readonly variables: ReadonlyMap<string, string>;
}

/** An app or a pod in one form, so that most rules need not know which it is. Every place is kept. */
export interface Definition {
  readonly kind: 'app' | 'pod';
  readonly top: At;
  /** CARNA_ROLE; null: no SIP node (the reconciler, for example), fewer rules hold. */
  readonly role: string | null;
  /** Objects with environment variables: of a pod, also those of its containers. */
  readonly environments: readonly At[];
  readonly labels: readonly At[];
  readonly constraintsPath: string;
  readonly constraints: readonly Constraint[];
  readonly upgrade: At;
  readonly unreachable: At;
  readonly killSelection: At;
  readonly resourceRoles: At;
  readonly networks: At;
  readonly killed: readonly Killed[];
}

/** Reads what the rules ask for; what has a wrong type is left out, checkStructure names it. */
export function definitionOf(kind: 'app' | 'pod', top: At): Definition {
  return kind === 'app' ? appOf(top) : podOf(top);
}

function appOf(top: At): Definition {
  const env = below(top, 'env');
  const variables = variablesOf([env]);
  const constraints = below(top, 'constraints');
  return {
    kind: 'app',
    top,
    role: variables.get('CARNA_ROLE') ?? null,
    environments: [env],
    labels: [below(top, 'labels')],
    constraintsPath: constraints.path,
    constraints: itemsOf(constraints).flatMap(appConstraint),
    upgrade: below(top, 'upgradeStrategy'),
    unreachable: below(top, 'unreachableStrategy'),
    killSelection: below(top, 'killSelection'),
    resourceRoles: below(top, 'acceptedResourceRoles'),
    networks: below(top, 'networks'),
    killed: [{ grace: below(top, 'taskKillGracePeriodSeconds'), variables }],
  };
}

function podOf(top: At): Definition {
  const shared = below(top, 'environment');
  const containers = itemsOf(below(top, 'containers'));
  const killed = containers.map((container) => ({
    grace: below(container, 'lifecycle', 'killGracePeriodSeconds'),
    variables: variablesOf([shared, below(container, 'environment')]),
  }));
  const constraints = below(top, 'scheduling', 'placement', 'constraints');
  const roles = killed.map(({ variables }) => variables.get('CARNA_ROLE'));
  return {
    kind: 'pod',
    top,
    role: roles.find((role) => role !== undefined) ?? null,
    environments: [shared, ...containers.map((container) => below(container, 'environment'))],
    labels: [below(top, 'labels'), ...containers.map((container) => below(container, 'labels'))],
    constraintsPath: constraints.path,
    constraints: itemsOf(constraints).flatMap(podConstraint),
    upgrade: below(top, 'scheduling', 'upgrade'),
    unreachable: below(top, 'scheduling', 'unreachableStrategy'),
    killSelection: below(top, 'scheduling', 'killSelection'),
    resourceRoles: below(top, 'scheduling', 'placement', 'acceptedResourceRoles'),
    networks: below(top, 'networks'),
    killed,
  };
}

/** Variables with a text as their value; later places win. */
function variablesOf(places: readonly At[]): ReadonlyMap<string, string> {
  return new Map(
    places.flatMap(membersOf).flatMap((member): [string, string][] => {
      const value = textOf(member);
      return value === null ? [] : [[member.name, value]];
    }),
  );
}

function appConstraint(item: At): Constraint[] {
  const [field, operator, value] = itemsOf(item).map(textOf);
  if (typeof field !== 'string' || typeof operator !== 'string') return [];
  return [{ path: item.path, field, operator, value: value ?? null }];
}

function podConstraint(item: At): Constraint[] {
  const field = textOf(below(item, 'fieldName'));
  const operator = textOf(below(item, 'operator'));
  if (!isObject(item.value) || field === null || operator === null) return [];
  return [{ path: item.path, field, operator, value: textOf(below(item, 'value')) }];
}
