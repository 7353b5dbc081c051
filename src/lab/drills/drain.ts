import type { CallReport } from '../calls/report.js';
import type { DrainRound } from './drain-round.js';
import { drainOnce } from './drain-round.js';
import type { Routings } from '../routed.js';
import { callsOnAt, callsWhileClosed } from './routings.js';
import { readRoutings } from '../routed.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { addressOf, noCallFailed, nodesOf, seconds } from './stage.js';

const CALL_MS = { min: 5_000, max: 10_000 };

/**
 * Every media node and every dispatcher is drained and taken back, again and again, under calls that last
 * 5 to 10 s: none fails, and no new one reaches a node after every consumer has acknowledged its drain.
 */
export const drain: Drill = { callMs: CALL_MS, leadMs: CALL_MS.max, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, rounds, say } = stage;
  const media = nodesOf(lab, 'media', 2);
  const dispatchers = nodesOf(lab, 'dispatcher', 2);
  const nodes = [...media, ...dispatchers];
  const done: DrainRound[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const node of nodes) {
      say(`${node.name}: drain ${round} of ${rounds}`);
      done.push(await drainOnce(stage, node, round, CALL_MS.max));
    }
  }
  return (report) => {
    const ways = {
      media: readRoutings(lab, 'dispatcher'),
      dispatcher: readRoutings(lab, 'load-balancer'),
    };
    const routingsOf = ({ node }: DrainRound): Routings =>
      node.role === 'media' ? ways.media : ways.dispatcher;
    return [
      noCallFailed(report),
      noNewCall(done, report, routingsOf),
      ...done.map((round) => roundFinding(round, rounds, report, routingsOf(round))),
    ];
  };
}

function newCalls(round: DrainRound, report: CallReport, routings: Routings): number {
  const { node, acknowledgedAtMs, takenBackAtMs } = round;
  if (acknowledgedAtMs === null) return 0;
  const address = addressOf(node);
  const closed = { address, fromMs: acknowledgedAtMs, untilMs: takenBackAtMs };
  return callsWhileClosed(report.calls, routings, closed).length;
}

function noNewCall(
  rounds: readonly DrainRound[],
  report: CallReport,
  routingsOf: (round: DrainRound) => Routings,
): Finding {
  const late = rounds.reduce((sum, one) => sum + newCalls(one, report, routingsOf(one)), 0);
  // Without a word of the routers about any call of ours the check would pass whatever happens.
  const isLogged = rounds.every((one) => report.calls.some((c) => routingsOf(one).has(c.callId)));
  return {
    what: 'no new call on a node after its drain was acknowledged',
    isGood: late === 0 && isLogged,
    seen: isLogged
      ? `${late} new calls in ${rounds.length} drains, by the caller's log and by those who route`
      : 'the logs of the Kamailios do not name these calls: nothing can be said',
  };
}

function roundFinding(
  one: DrainRound,
  rounds: number,
  report: CallReport,
  routings: Routings,
): Finding {
  const { node, round, askedAtMs, acknowledgedAtMs, emptyAtMs, left } = one;
  const late = newCalls(one, report, routings);
  const calls = callsOnAt(report.calls, addressOf(node), askedAtMs);
  const on = node.role === 'media' ? `${calls} calls on it when asked, ` : '';
  const off =
    acknowledgedAtMs === null
      ? 'NOT acknowledged in time'
      : `acknowledged after ${Math.round(acknowledgedAtMs - askedAtMs)} ms`;
  const empty =
    emptyAtMs === null
      ? `NOT empty in time, ${left ?? 'unknown'} left`
      : `empty after ${seconds(emptyAtMs - askedAtMs)}`;
  return {
    what: `${node.name}, drain ${round} of ${rounds}`,
    isGood: late === 0 && acknowledgedAtMs !== null && emptyAtMs !== null && left === 0,
    seen: `${on}${off}, ${empty}, ${late} new calls after it`,
  };
}
