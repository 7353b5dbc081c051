import { freezePart, killPart, thawPart } from '../faults.js';
import { runKillRounds } from './kill-rounds.js';
import { CALL_MS, CALLS_PER_SECOND } from './kill-rows.js';
import type { KamailioProbing } from '../state.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';

/**
 * The same lab healed only by Kamailio's own OPTIONS pings: the reconcilers are gone for good, so the
 * table stays as it is, and the killed server's agent is held still until the dispatchers have noticed
 * by themselves (or it would restart the server before the next ping).
 */
export async function benchBaseline(
  context: BenchContext,
  rounds: number,
): Promise<readonly BenchRow[]> {
  const { lab, platform } = context;
  for (const { name } of lab.plan.reconcilers) killPart(lab, { name, agent: false });
  const result = await runKillRounds(lab, platform, {
    rounds,
    callsPerSecond: CALLS_PER_SECOND,
    callMs: CALL_MS,
    name: 'bench-baseline',
    env: context.env,
    random: Math.random,
    signal: context.signal,
    before: (node) => void freezePart(lab, { name: node.name, agent: true }),
    whenOff: (node) => void thawPart(lab, { name: node.name, agent: true }),
    onRound: (done) => context.say(`without Carna, ${describe(lab.probing)}: ${done}/${rounds}`),
  });
  const { losses, report } = result;
  return [
    {
      name: `the same by Kamailio alone: ${describe(lab.probing)}`,
      budget: 'baseline',
      unit: 'ms',
      summary: summarise(result.healedMs),
      isWithin: null,
      note: `${report.sent} calls: ${losses.stoodOnIt.length} stood on a killed node, ${losses.others.length} others lost, ${(losses.delayed / rounds).toFixed(1)} per kill waited more than 500 ms`,
    },
  ];
}

function describe(probing: KamailioProbing): string {
  return `pings every ${probing.intervalS} s${probing.marksSilent ? ', marking what leaves a call unanswered' : ''}`;
}
