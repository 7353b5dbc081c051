import { kamailioProbe } from '../checks/kamailio.js';
import { applicationAndSip } from '../checks/probe.js';
import { sipProbe } from '../checks/sip.js';
import type { KamailioRpc, OptionsPing } from '../ports.js';
import type { Refusal } from './refusal.js';
import { FORGETFUL_MARK, openRefusal } from './refusal.js';
import type { OpenControl, RefusalMark, ServerControl, WorkLeft } from './server.js';

/** The script answers 503 to new work while `$shv(drain)` is 1. */
const DRAIN_VARIABLE = 'drain';

/** Kamailio: RPC over its control socket and OPTIONS; it ends on SIGTERM, having no way to drain of its own. */
export function kamailioControl(
  rpc: KamailioRpc,
  ping: OptionsPing,
  monoMs: () => number,
  mark: RefusalMark = FORGETFUL_MARK,
): OpenControl {
  return ({ isAdopted }): ServerControl => {
    const refusal = openRefusal({ isAdopted }, mark);
    const application = kamailioProbe(rpc, monoMs, () => endedByRestart(refusal));
    return {
      probe: applicationAndSip('RPC', application, sipProbe(ping, refusal.isOn, monoMs)),
      refuseNewWork: async () => {
        refusal.announce();
        await rpc.setSharedVariable(DRAIN_VARIABLE, 1);
        refusal.begin();
        await rpc.setDispatcherPinging?.(false);
      },
      acceptNewWork: async () => {
        await rpc.setSharedVariable(DRAIN_VARIABLE, 0);
        await rpc.setDispatcherPinging?.(true);
        refusal.end();
      },
      isRefusing: refusal.isOn,
      mayRefuse: refusal.mayBeOn,
      countLeft: () => countTransactions(rpc),
      shutDown: () => Promise.resolve(),
      gracefulMs: 0,
      close: () => Promise.resolve(),
    };
  };
}

/** A Kamailio that restarted begins with the variable of its script and with its pings on. */
function endedByRestart(refusal: Refusal): string | null {
  if (!refusal.isOn()) return null;
  refusal.end();
  return 'Kamailio restarted by itself and takes new calls again';
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
