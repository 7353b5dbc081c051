import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { CarnaError, RegistryNotSentError } from '../util/errors.js';
import type { OperatorData } from './operator-data.js';

/** What PostgreSQL still tells while ZooKeeper is away. */
export interface LastKnown {
  readonly rows: readonly DispatcherRow[];
  /** 0 before the first commit. */
  readonly generation: number;
  /** Wall clock in ms of its commit. */
  readonly committedAtMs: number;
  /** Who took the newest epoch; null when nobody ever led. */
  readonly leader: { readonly holder: string; readonly epoch: number } | null;
}

/**
 * Runs `work`; when it fails because ZooKeeper is away, `show` gets what PostgreSQL knows and the failure.
 * Rejects with the failure of `work` when PostgreSQL has nothing to say either.
 */
export async function orLastKnown(
  data: OperatorData,
  work: () => Promise<void>,
  show: (last: LastKnown, failure: RegistryNotSentError) => void,
): Promise<void> {
  try {
    await work();
  } catch (err) {
    if (!(err instanceof RegistryNotSentError)) throw err;
    const last = await data.readLastKnown().catch((other: unknown) => {
      if (other instanceof CarnaError) return null;
      throw other;
    });
    if (last === null || last.generation === 0) throw err;
    show(last, err);
  }
}
