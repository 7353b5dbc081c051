import type { AppValues, ConstraintTuple, Values } from './values.js';

const ALONE: ConstraintTuple = ['@hostname', 'UNIQUE'];

/** The ports are fixed, so each instance has a host of its own. Pure. */
export function constraintsOf(values: Values, app: AppValues): readonly ConstraintTuple[] {
  const seen = new Set<string>();
  return [ALONE, ...values.constraints, ...app.constraints].filter((constraint) => {
    const key = JSON.stringify(constraint);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * The share of instances that stays during a deployment, for an app that may run with no more than its count.
 * Marathon keeps the share of the present count, rounded up: at `least` instances one of them may go, and where
 * none could the deployment would wait for ever. Above twice that count two or more go at once. Pure.
 */
export function minimumHealthCapacity(least: number): number {
  if (least <= 1) return 0;
  // Rounded down: 0.67 of 3 would be more than 2.
  return Math.floor(((least - 1) / least) * 100) / 100;
}

/** As Marathon takes it. No room above the count: a host and its ports are there once. Pure. */
export function upgradeOf(app: AppValues): {
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
} {
  return {
    minimumHealthCapacity: minimumHealthCapacity(
      Math.min(app.leastInstances, Math.max(1, app.instances)),
    ),
    maximumOverCapacity: 0,
  };
}

/** Roles of Mesos' resources; nothing = Marathon's default. Pure. */
export function resourceRolesOf(
  values: Values,
  app: AppValues,
): { readonly acceptedResourceRoles?: readonly string[] } {
  const roles = app.acceptedResourceRoles ?? values.acceptedResourceRoles;
  return roles === null ? {} : { acceptedResourceRoles: roles };
}
