import { connect } from 'node:net';
import { wait } from '../../util/wait.js';
import type { LabAddress } from '../plan.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';

const ANSWER_LIMIT_MS = 2_000;
const SETTLE_MS = 2_000;

/** What ZooKeeper receives from all daemons of a lab in which nothing happens: pings, and nothing else. */
export async function benchIdle(context: BenchContext): Promise<readonly BenchRow[]> {
  const { lab, size, signal } = context;
  context.say(`ZooKeeper traffic of an idle platform, ${size.idleMs / 1_000} s`);
  await wait(SETTLE_MS, signal);
  const before = await packetsReceived(lab.plan.zookeeper);
  const startMs = performance.now();
  await wait(size.idleMs, signal);
  const packets = (await packetsReceived(lab.plan.zookeeper)) - before;
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

async function packetsReceived(address: LabAddress): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    let answer = '';
    const socket = connect(address);
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error('mntr: no answer')));
    socket.on('connect', () => socket.write('mntr'));
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
  const found = /^zk_packets_received\s+(\d+)/m.exec(text)?.[1];
  if (found === undefined) throw new RangeError('mntr tells no zk_packets_received');
  return Number(found);
}
