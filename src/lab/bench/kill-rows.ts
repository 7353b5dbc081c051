import { readChanges } from '../../store/change-log.js';
import { runKillRounds } from './kill-rounds.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';

export const CALLS_PER_SECOND = 50;
export const CALL_MS = { min: 500, max: 1_500 };

const KILL_BUDGET = { medianMs: 25, p99Ms: 150 };
const UP_BUDGET_P99_MS = 150;

/** Media servers killed under load, healed by Carna: how fast, at what cost, and how fast they are back. */
export async function benchKills(context: BenchContext): Promise<readonly BenchRow[]> {
  const { lab, platform, size } = context;
  const result = await runKillRounds(lab, platform, {
    rounds: size.kills,
    callsPerSecond: CALLS_PER_SECOND,
    callMs: CALL_MS,
    name: 'bench-kills',
    env: context.env,
    random: Math.random,
    signal: context.signal,
    onRound: (done) => context.say(`kill -9 of a media server under calls: ${done}/${size.kills}`),
  });
  const healed = summarise(result.healedMs);
  const { losses, report } = result;
  return [
    {
      name: 'SIP process killed → no new call is sent to it',
      budget: `p50 ≤ ${KILL_BUDGET.medianMs}, p99 ≤ ${KILL_BUDGET.p99Ms}`,
      unit: 'ms',
      summary: healed,
      isWithin: healed.median <= KILL_BUDGET.medianMs && healed.p99 <= KILL_BUDGET.p99Ms,
      note: `from the kill to the last dispatcher's live list, read every millisecond from outside; ${report.sent} calls at ${CALLS_PER_SECOND} a second: ${losses.stoodOnIt.length} stood on a killed node, ${losses.others.length} others lost, ${losses.delayed} waited more than 500 ms`,
    },
    {
      name: 'calls lost that did not stand on a killed node',
      budget: '0',
      unit: 'calls',
      summary: summarise([losses.others.length]),
      isWithin: losses.others.length === 0,
      note: '',
    },
    {
      name: 'calls delayed by fail-over, per kill',
      budget: '≤ 2',
      unit: 'calls',
      summary: summarise([losses.delayed / result.incidents.length]),
      isWithin: losses.delayed / result.incidents.length <= 2,
      note: '',
    },
    await returnRow(context),
  ];
}

/** From the good check that made a node up to its being live on every dispatcher, from the change log. */
async function returnRow(context: BenchContext): Promise<BenchRow> {
  const { platform, size } = context;
  const changes = await readChanges(platform.store, { last: size.kills * 4 });
  const returns = changes.filter(
    (change) => change.from === 'down' && change.to === 'up' && change.live.length > 0,
  );
  const summary = summarise(
    returns.map(
      (change) =>
        Math.max(...change.live.map((proof) => proof.atMs)) -
        (change.noticedAtMs ?? change.seenAtMs),
    ),
  );
  return {
    name: "node's good checks → every dispatcher sends it calls",
    budget: `p99 ≤ ${UP_BUDGET_P99_MS}`,
    unit: 'ms',
    summary,
    isWithin: summary.p99 <= UP_BUDGET_P99_MS,
    note: 'the returns after the kills above, by the change log (proven by read-back)',
  };
}
