import { allOf } from '../checks/probe.js';
import { kamailioProbe } from '../checks/kamailio.js';
import { sipProbe } from '../checks/sip.js';
import type { KamailioRpc, OptionsPing } from '../ports.js';
import type { OpenControl, ServerControl, WorkLeft } from './server.js';

/** The script answers 503 to new work while `$shv(drain)` is 1. */
const DRAIN_VARIABLE = 'drain';

/** Kamailio: RPC over its control socket and OPTIONS; it ends on SIGTERM, having no way to drain of its own. */
export function kamailioControl(
  rpc: KamailioRpc,
  ping: OptionsPing,
  monoMs: () => number,
): OpenControl {
  return (): ServerControl => {
    let isRefusing = false;
    const setRefusing = async (refuse: boolean): Promise<void> => {
      await rpc.setSharedVariable(DRAIN_VARIABLE, refuse ? 1 : 0);
      isRefusing = refuse;
      await rpc.setDispatcherPinging?.(!refuse);
    };
    return {
      probe: allOf([kamailioProbe(rpc, monoMs), sipProbe(ping, () => isRefusing)]),
      refuseNewWork: () => setRefusing(true),
      acceptNewWork: () => setRefusing(false),
      isRefusing: () => isRefusing,
      countLeft: () => countTransactions(rpc),
      shutDown: () => Promise.resolve(),
      gracefulMs: 0,
      close: () => Promise.resolve(),
    };
  };
}

async function countTransactions(rpc: KamailioRpc): Promise<WorkLeft> {
  const [stats, dialogs] = await Promise.all([rpc.readTmStats(), rpc.countDialogs?.() ?? null]);
  const transactions = Math.max(0, stats.current - stats.waiting);
  const calls = dialogs === null ? '' : `${dialogs} calls, `;
  return {
    count: Math.max(transactions, dialogs ?? 0),
    text: `${calls}${transactions} transactions`,
  };
}
