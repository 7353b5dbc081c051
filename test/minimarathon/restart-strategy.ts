/** How a rolling restart begins. */
export interface RestartStrategy {
  readonly toKillAtOnce: number;
  /** More instances, old and new together, there never are. */
  readonly maxCapacity: number;
}

/** What a rolling restart starts from. */
export interface RestartFacts {
  readonly instances: number;
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
  /** Old and new ones that shall run and are healthy. */
  readonly healthy: number;
  /** All there are. */
  readonly current: number;
}

/** Marathon's computeRestartStrategy. Pure. */
export function restartStrategy(facts: RestartFacts): RestartStrategy {
  const { instances, healthy, current } = facts;
  const minHealthy = Math.ceil(instances * facts.minimumHealthCapacity);
  let maxCapacity = Math.floor(instances * (1 + facts.maximumOverCapacity));
  let toKillAtOnce = Math.max(0, healthy - minHealthy);
  // Nothing could ever be replaced: one more is allowed for the time of the restart.
  if (minHealthy === maxCapacity && maxCapacity <= healthy) maxCapacity += 1;
  if (instances < current) toKillAtOnce = Math.max(current - instances, toKillAtOnce);
  return { toKillAtOnce, maxCapacity };
}
