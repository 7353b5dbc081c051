import type { MarathonApp } from '../client/answers.js';

/**
 * Whether two readings show the same apps with the same versions, numbers of instances and locks: what a change
 * was planned from holds. Tasks come and go by themselves and do not count. Pure.
 */
export function isSameState(one: readonly MarathonApp[], other: readonly MarathonApp[]): boolean {
  return stateOf(one) === stateOf(other);
}

function stateOf(apps: readonly MarathonApp[]): string {
  const states = apps.map(({ id, version, instances, deploymentIds }) =>
    JSON.stringify([id, version, instances, [...deploymentIds].sort()]),
  );
  return states.sort().join();
}
