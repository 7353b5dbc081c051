import { DEFAULT_AGENT_TIMING } from '../../agent/timing.js';
import type { NodeState } from '../../topology/node.js';
import { freezePart, freezeWorkers, thawPart } from '../faults.js';
import type { LabNode } from '../plan.js';
import type { Kill } from '../losses.js';
import { onlyStoodOnIt } from './routings.js';
import { readRoutings } from '../routed.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import { addressOf, oneOf, pause, seconds, untilFound, wallMs, wholeAgain } from './stage.js';

const { intervalMs, limits } = DEFAULT_AGENT_TIMING.probe;
/** A hung server is found by `fall` probes, one an interval; the last good one may just have passed, and the news has to travel. */
const FOUND_WITHIN_MS = intervalMs * limits.fall + 1_000;
const BACK_WITHIN_MS = 5_000;
const TIMEOUT_MS = 30_000;
const POLL_MS = 5;
/** Calls between the two halves see the platform whole. */
const BETWEEN_MS = 3_000;

/** SIP workers that hang while the process lives and its control socket answers are found by OPTIONS. */
export const frozenWorkers: Drill = {
  callMs: { min: 500, max: 2_000 },
  leadMs: 2_000,
  // Its workers do not read the answers to its own OPTIONS: it takes everybody for dead, and nobody asks it.
  lists: { unwatched: (lab) => [oneOf(lab, 'dispatcher').name] },
  act,
};

interface Frozen {
  readonly hit: Kill;
  readonly findings: readonly Finding[];
}

async function act(stage: DrillStage): Promise<Judge> {
  const { lab } = stage;
  const dispatcher = oneOf(lab, 'dispatcher');
  const media = oneOf(lab, 'media');
  const first = await freezeAndThaw(stage, dispatcher, 'the SIP workers', async () => {
    return (await freezeWorkers(lab, dispatcher.name)).atMs;
  });
  const between = await wholeAgain(stage);
  await pause(BETWEEN_MS, stage.signal);
  const second = await freezeAndThaw(stage, media, 'the whole server', () =>
    Promise.resolve(freezePart(lab, { name: media.name, agent: false }).atMs),
  );
  const whole = await wholeAgain(stage);
  return (report) => [
    onlyStoodOnIt(
      report,
      [first.hit, second.hit],
      [readRoutings(lab, 'load-balancer'), readRoutings(lab, 'dispatcher')],
    ),
    ...first.findings,
    between,
    ...second.findings,
    whole,
  ];
}

async function freezeAndThaw(
  stage: DrillStage,
  node: LabNode,
  what: string,
  freeze: () => Promise<number>,
): Promise<Frozen> {
  const frozenAtMs = await freeze();
  stage.say(`${node.name}: SIGSTOP to ${what}`);
  let found: Finding;
  try {
    const down = await untilState(stage, node, 'down');
    found = {
      what: `${node.name}: ${what} frozen, found within ${FOUND_WITHIN_MS} ms`,
      isGood: down !== null && down.atMs - frozenAtMs <= FOUND_WITHIN_MS,
      seen:
        down === null
          ? 'NOT found'
          : `published down after ${Math.round(down.atMs - frozenAtMs)} ms: ${down.reason}`,
    };
    stage.say(`${node.name}: ${found.seen}`);
  } finally {
    thawPart(stage.lab, { name: node.name, agent: false });
  }
  const thawedAtMs = wallMs();
  const up = await untilState(stage, node, 'up');
  const back = {
    what: `${node.name}: up again when it goes on`,
    isGood: up !== null && up.atMs - thawedAtMs <= BACK_WITHIN_MS,
    seen: up === null ? 'NOT up' : `up ${seconds(up.atMs - thawedAtMs)} after SIGCONT`,
  };
  stage.say(`${node.name}: ${back.seen}`);
  return {
    hit: { node: addressOf(node), atMs: frozenAtMs },
    findings: [found, back],
  };
}

async function untilState(
  stage: DrillStage,
  node: LabNode,
  state: NodeState,
): Promise<{ readonly atMs: number; readonly reason: string } | null> {
  const find = (): { readonly atMs: number; readonly reason: string } | null => {
    const record = stage.platform.view.nodes().nodes.get(node.name)?.record;
    return record?.state === state ? { atMs: wallMs(), reason: record.reason } : null;
  };
  return untilFound(find, TIMEOUT_MS, POLL_MS, stage.signal);
}
