import type { CallReport } from '../calls/report.js';
import { otherLabs } from '../data-centres.js';
import { killPart } from '../faults.js';
import type { LabNode } from '../plan.js';
import { readRoutings } from '../routed.js';
import { killAll, startAll, tracesOf, untilTakenOver } from './all-daemons.js';
import { onlyStoodOnIt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { addressOf, nodesOf, pause, seconds, SHORT_CALLS, wallMs, wholeAgain } from './stage.js';

/** Beyond this after the loss, and after the return, every call goes where it should. */
const TURNED_MS = 3_000;
/** Calls that come home are looked at for so long. */
const HOME_MS = 4_000;
const LEAST_AWAY_MS = 10_000;

/**
 * All media servers of this data centre are killed, and nobody starts them again for a while: nobody said
 * goodbye. New calls are carried by the other data centre, and come home by themselves.
 */
export const dcMediaLost: Drill = {
  ...SHORT_CALLS,
  needs: (lab) => Promise.resolve(otherLabs(lab).length === 0 ? '--dc 2' : null),
  // Their own media set has nobody.
  lists: { unwatched: (lab) => nodesOf(lab, 'dispatcher').map(({ name }) => name) },
  act,
};

interface Times {
  readonly lostAtMs: number;
  readonly backAtMs: number;
  readonly homeAtMs: number;
}

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, awayMs, signal, say } = stage;
  const media = nodesOf(lab, 'media');
  const far = otherLabs(lab).flatMap((other) => nodesOf(other, 'media'));
  const names = media.map(({ name }) => name);
  const traces = tracesOf(stage, names);
  let hits: readonly { readonly node: string; readonly atMs: number }[] = [];
  let lostAtMs = wallMs();
  try {
    await killAll(stage, names);
    hits = media.map((node) => {
      return { node: addressOf(node), atMs: killPart(lab, { name: node.name, agent: false }).atMs };
    });
    lostAtMs = wallMs();
    say(`all ${media.length} media servers killed, their agents too`);
    await pause(Math.max(awayMs, LEAST_AWAY_MS), signal);
  } finally {
    await startAll(stage, names);
  }
  const backAtMs = wallMs();
  await untilTakenOver(stage, traces);
  const whole = await wholeAgain(stage);
  const homeAtMs = wallMs();
  say('they are back');
  await pause(HOME_MS, signal);
  const times = { lostAtMs, backAtMs, homeAtMs };
  return (report) => [
    onlyStoodOnIt(report, hits, [readRoutings(lab, 'dispatcher')]),
    ...answeredBy(report, media, far, times),
    whole,
  ];
}

/** Who answered while ours were away, and when they were back. */
function answeredBy(
  report: CallReport,
  ours: readonly LabNode[],
  far: readonly LabNode[],
  { lostAtMs, backAtMs, homeAtMs }: Times,
): readonly Finding[] {
  const away = nodesBetween(report, lostAtMs + TURNED_MS, backAtMs);
  const home = nodesBetween(report, homeAtMs + TURNED_MS, Number.POSITIVE_INFINITY);
  return [
    finding('meanwhile the other data centre answers every call', away, far, backAtMs - lostAtMs),
    finding('then calls are answered at home', home, ours, homeAtMs - backAtMs),
  ];
}

function nodesBetween(report: CallReport, fromMs: number, toMs: number): readonly string[] {
  return report.calls
    .filter(({ sentAtMs }) => sentAtMs > fromMs && sentAtMs < toMs)
    .flatMap(({ node }) => node ?? []);
}

function finding(
  what: string,
  answered: readonly string[],
  wanted: readonly LabNode[],
  tookMs: number,
): Finding {
  const right = new Set(wanted.map(addressOf));
  const wrong = answered.filter((node) => !right.has(node));
  const names = [...new Set(wrong)].join(', ');
  return {
    what,
    isGood: answered.length > 0 && wrong.length === 0,
    seen: `${answered.length} calls, ${wrong.length} elsewhere${names === '' ? '' : ` (${names})`}, in ${seconds(tookMs)}`,
  };
}
