import { ROLES } from '../../topology/node.js';
import { agentVariables, dockerVariables, reconcilerVariables } from './environment.js';
import type { Variables } from './environment.js';
import type { Values } from './values.js';
import { RECONCILER } from './values.js';

/** A variable among the further ones that the definition sets by itself. */
export interface OwnVariable {
  readonly at: readonly string[];
  readonly name: string;
}

/** What stands in an `env` of the values and would be overwritten there. Pure. */
export function ownVariables(values: Values): readonly OwnVariable[] {
  const byRole = ROLES.map((role) => {
    const own = { ...agentVariables(values, role), ...dockerVariables(values, role) };
    return { role, own: new Set(Object.keys(own)) };
  });
  const everywhere = new Set(byRole.flatMap(({ own }) => [...own]));
  const reconciler = new Set(Object.keys(reconcilerVariables(values)));
  return [
    ...among(values.env, everywhere, ['env']),
    ...byRole.flatMap(({ role, own }) => among(values.nodes[role].env, own, ['apps', role, 'env'])),
    ...among(values.reconciler.env, reconciler, ['apps', RECONCILER, 'env']),
  ];
}

function among(env: Variables, own: ReadonlySet<string>, at: readonly string[]): OwnVariable[] {
  return Object.keys(env).flatMap((name) => (own.has(name) ? [{ at: [...at, name], name }] : []));
}
