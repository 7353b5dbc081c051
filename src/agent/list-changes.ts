import type { Logger } from 'pino';
import type { StateChange } from '../topology/live-plan.js';
import { BinrpcFaultError } from '../util/errors.js';
import type { AgentMetrics } from './metrics.js';
import type { KamailioRpc } from './ports.js';

export interface ListChangesDeps {
  readonly rpc: Pick<KamailioRpc, 'setDispatcherState' | 'reloadDispatcher'>;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/** Makes the changes one by one. Throws a CarnaError when Kamailio cannot be asked; a refusal is only logged. */
export async function setStates(
  { rpc, metrics, log }: ListChangesDeps,
  changes: readonly StateChange[],
): Promise<void> {
  for (const { state, setid, destination } of changes) {
    try {
      await rpc.setDispatcherState(state, setid, destination);
      metrics.setStates.inc();
      log.info({ state, setid, destination }, 'destination set by set_state');
    } catch (err) {
      // "State Update Failed": it is not in the list any more. The next reading tells.
      if (!(err instanceof BinrpcFaultError)) throw err;
      log.warn({ err, state, setid, destination }, 'set_state refused');
    }
  }
}
