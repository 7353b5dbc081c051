import { wait } from '../../util/wait.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';
import { firstZookeeper } from '../plan.js';
import { askZookeeper, packetsReceived } from './zookeeper-figures.js';

const SETTLE_MS = 2_000;

/** What ZooKeeper receives from all daemons of a lab in which nothing happens: pings, and nothing else. */
export async function benchIdle(context: BenchContext): Promise<readonly BenchRow[]> {
  const { lab, size, signal } = context;
  context.say(`ZooKeeper traffic of an idle platform, ${size.idleMs / 1_000} s`);
  await wait(SETTLE_MS, signal);
  const count = async (): Promise<number> =>
    packetsReceived(await askZookeeper(firstZookeeper(lab.plan).client, 'mntr'));
  const before = await count();
  const startMs = performance.now();
  await wait(size.idleMs, signal);
  const packets = (await count()) - before;
  const perSecond = packets / ((performance.now() - startMs) / 1_000);
  const sessions = lab.plan.nodes.length + lab.plan.reconcilers.length + 1;
  return [
    {
      name: `ZooKeeper requests when idle, ${sessions} sessions`,
      budget: 'pings only',
      unit: 'packets/s',
      summary: summarise([perSecond]),
      isWithin: null,
      note: `${packets} packets received in ${(size.idleMs / 1_000).toFixed(0)} s, by ZooKeeper's own count (mntr)`,
    },
  ];
}
