import type { CallReport } from '../calls/report.js';
import { freezePart, thawPart } from '../faults.js';
import { labDestination } from '../incident.js';
import type { LabNode } from '../plan.js';
import type { Routings } from '../routed.js';
import { readRoutings } from '../routed.js';
import { takesNoCalls, untilLive } from '../watch-live.js';
import type { Closed } from './routings.js';
import { callsWhileClosed, onlyStoodOnIt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  addressOf,
  BACK_TIMEOUT_MS,
  nodesOf,
  oneOf,
  pause,
  seconds,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';

/** Frozen so long after it was found: the load-balancer routes around it all the while. */
const FROZEN_MS = 5_000;
const POLL_MS = 5;

/** SIGSTOP of a whole dispatcher: the load-balancer routes around it, and it is back when it goes on. */
export const kamailioFrozen: Drill = { callMs: { min: 500, max: 2_000 }, leadMs: 2_000, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, signal, say } = stage;
  const node = oneOf(lab, 'dispatcher');
  const target = { name: node.name, agent: false };
  const { atMs } = freezePart(lab, target);
  say(`${node.name}: SIGSTOP to the whole Kamailio`);
  let closed: Closed;
  try {
    const fromMs = await untilRoutedAround(stage, node);
    say(`no load-balancer sends it calls, ${seconds(fromMs - atMs)} after it was frozen`);
    await pause(FROZEN_MS, signal);
    closed = { address: addressOf(node), fromMs, untilMs: wallMs() };
  } finally {
    thawPart(lab, target);
  }
  say(`${node.name}: SIGCONT`);
  const back = await untilBack(stage, node);
  const whole = await wholeAgain(stage);
  return (report) => {
    const routings = readRoutings(lab, 'load-balancer');
    const hit = { node: closed.address, atMs };
    return [
      onlyStoodOnIt(report, [hit], [routings]),
      around(report, routings, closed),
      back,
      whole,
    ];
  };
}

/** Wall clock in ms when no load-balancer's list sends it calls any more. */
async function untilRoutedAround(stage: DrillStage, node: LabNode): Promise<number> {
  const { lab, platform, signal } = stage;
  const balancers = nodesOf(lab, 'load-balancer');
  const read = platform.liveList.bind(platform);
  const destination = labDestination(node);
  const off = await untilLive(read, balancers, destination, takesNoCalls, BACK_TIMEOUT_MS, signal);
  return Math.max(...off.values());
}

function around(report: CallReport, routings: Routings, closed: Closed): Finding {
  const meanwhile = report.calls.filter(
    ({ sentAtMs }) => sentAtMs > closed.fromMs && sentAtMs < closed.untilMs,
  );
  // Without a word of the load-balancers about any call the check would pass whatever happens.
  const isLogged = meanwhile.some(({ callId }) => routings.has(callId));
  const tried = callsWhileClosed(meanwhile, routings, closed).length;
  return {
    what: 'the load-balancer routes around it',
    isGood: isLogged && tried === 0,
    seen: `${meanwhile.length} calls meanwhile, ${tried} tried there`,
  };
}

async function untilBack({ platform, signal }: DrillStage, node: LabNode): Promise<Finding> {
  const thawedAtMs = wallMs();
  const find = (): number | null =>
    platform.view.nodes().nodes.get(node.name)?.record.state === 'up' ? wallMs() : null;
  const atMs = await untilFound(find, BACK_TIMEOUT_MS, POLL_MS, signal);
  const seen = atMs === null ? 'it is NOT' : `${seconds(atMs - thawedAtMs)} after SIGCONT`;
  return { what: `${node.name} is up again when it goes on`, isGood: atMs !== null, seen };
}
