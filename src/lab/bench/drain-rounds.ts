import { systemClock } from '../../util/clock.js';
import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import { labDestination } from '../incident.js';
import { takesCalls, takesNoCalls, untilLive } from '../watch-live.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';

const BUDGET_P99_MS = 150;
const TIMEOUT_MS = 30_000;
const PAUSE_MS = { min: 300, spread: 400 };

/** An operator's drain, from its being asked to the last dispatcher's live list, again and again. */
export async function benchDrain(context: BenchContext): Promise<readonly BenchRow[]> {
  const { lab, platform, size, signal } = context;
  const node = lab.plan.nodes.find((found) => found.role === 'media');
  if (node === undefined) throw new RangeError('needs a media node');
  const read = platform.liveList.bind(platform);
  const destination = labDestination(node);
  const samples: number[] = [];
  for (let round = 0; round < size.drains && !signal.aborted; round++) {
    await wait(PAUSE_MS.min + PAUSE_MS.spread * Math.random(), signal);
    const askedAtMs = systemClock.wallMs();
    await platform.registry.writeIntent({
      schema: 1,
      nodeId: node.name,
      want: 'drain',
      by: 'bench',
      why: 'measured',
      since: askedAtMs,
      deadline: null,
      now: false,
    });
    const off = await untilLive(
      read,
      platform.dispatchers,
      destination,
      takesNoCalls,
      TIMEOUT_MS,
      signal,
    );
    samples.push(Math.max(...off.values()) - askedAtMs);
    await platform.registry.removeIntent(node.name);
    await untilLive(read, platform.dispatchers, destination, takesCalls, TIMEOUT_MS, signal);
    context.say(`drain asked and taken back: ${round + 1}/${size.drains}`);
  }
  if (signal.aborted) throw new LabError('interrupted');
  const summary = summarise(samples);
  return [
    {
      name: 'drain asked → no new call',
      budget: `p99 ≤ ${BUDGET_P99_MS}`,
      unit: 'ms',
      summary,
      isWithin: summary.p99 <= BUDGET_P99_MS,
      note: '',
    },
  ];
}
