import { backoffMs } from '../util/backoff.js';
import { CarnaError } from '../util/errors.js';
import { Doorbell } from '../util/doorbell.js';
import type { AppliedRecord } from '../topology/node.js';
import { setsConsumedBy } from '../topology/wiring.js';
import type { ReconcilerDeps } from './ports.js';

/**
 * Notes in the change log what each Kamailio was proven to run, until `signal` aborts.
 *
 * Apart from the reconciling on purpose, so that a flood of acknowledgements delays no change. A proof
 * that could not be noted is tried again; an acknowledgement with drift proves nothing.
 */
export async function recordLiveProofs(
  deps: Pick<ReconcilerDeps, 'view' | 'table' | 'wiring' | 'timing' | 'random' | 'log'>,
  onNoted: (changes: number) => void,
  signal: AbortSignal,
  bell: Pick<Doorbell, 'ring' | 'wait'> = new Doorbell(),
): Promise<void> {
  const noted = new Map<string, number>();
  const unsubscribe = deps.view.subscribe(() => bell.ring(), ['applied']);
  let failures = 0;
  try {
    while (!signal.aborted) {
      let waitMs = deps.timing.resyncMs;
      try {
        for (const record of deps.view.applied().values()) {
          if (signal.aborted) return;
          const changes = await noteProof(deps, noted, record);
          if (changes > 0) onNoted(changes);
        }
        for (const nodeId of noted.keys()) {
          if (!deps.view.applied().has(nodeId)) noted.delete(nodeId);
        }
        failures = 0;
      } catch (err) {
        if (!(err instanceof CarnaError)) throw err;
        if (failures === 0) deps.log.warn({ err }, 'cannot note what is live, will retry');
        waitMs = backoffMs(failures++, deps.timing.retry, deps.random);
      }
      await bell.wait(waitMs, signal);
    }
  } finally {
    unsubscribe();
  }
}

async function noteProof(
  deps: Pick<ReconcilerDeps, 'table' | 'wiring'>,
  noted: Map<string, number>,
  record: AppliedRecord,
): Promise<number> {
  if (record.drift !== null || noted.get(record.nodeId) === record.generation) return 0;
  const changes = await deps.table.recordLive({
    kamailio: record.nodeId,
    setids: setsConsumedBy(deps.wiring, record.role),
    generation: record.generation,
    provenAtMs: record.provenAtMs,
  });
  noted.set(record.nodeId, record.generation);
  return changes;
}
