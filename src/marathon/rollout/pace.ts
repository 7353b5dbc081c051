import { tasksAtOnce } from '../deploy/deploy-plan.js';

/** How Marathon replaces the tasks of an app, as it stands in a definition. */
export interface UpgradeStrategy {
  readonly minimumHealthCapacity: number;
  readonly maximumOverCapacity: number;
}

/** How fast a rollout goes. `own`: the definition's strategy does it; else `strategy` must replace it. */
export interface Pace {
  readonly isOwn: boolean;
  /** Tasks that may be away at a time. */
  readonly atOnce: number;
  readonly strategy: UpgradeStrategy;
}

/** The tasks of an app as Marathon counts them. */
export interface Counts {
  readonly instances: number;
  /** Of these, healthy by Marathon's word. */
  readonly healthy: number;
}

/**
 * The strategy that takes at most `batch` tasks away at a time and starts none beside those that run: a fixed port
 * and one node a host leave no room for more. Marathon takes away at first what is healthy beyond the share, rounded
 * up, and of all tasks the unhealthy ones first; so the share that keeps all healthy ones but `batch` lies half a
 * task below. Pure.
 */
export function paceOf({ instances, healthy }: Counts, batch: number, own: unknown): Pace {
  const atOnce = tasksAtOnce(instances, own);
  const { maximumOverCapacity: over } = (own ?? {}) as Readonly<Record<string, unknown>>;
  const isOwn = healthy === instances && atOnce >= 1 && atOnce <= batch && over === 0;
  if (isOwn) return { isOwn, atOnce, strategy: own as UpgradeStrategy };
  const share = instances === 0 ? 0 : (healthy - batch - 0.5) / instances;
  const minimumHealthCapacity = Number(Math.max(0, share).toFixed(6));
  const strategy = { minimumHealthCapacity, maximumOverCapacity: 0 };
  return { isOwn: false, atOnce: Math.min(batch, instances), strategy };
}
