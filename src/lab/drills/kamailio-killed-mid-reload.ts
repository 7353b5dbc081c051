import type { GenerationRecord } from '../../topology/node.js';
import { DEFAULT_WIRING, setsRoutedBy } from '../../topology/wiring.js';
import { withDeadline } from '../../util/wait.js';
import type { Hit } from '../faults.js';
import { killPart } from '../faults.js';
import type { Kill } from '../losses.js';
import type { LabNode } from '../plan.js';
import { readRoutings } from '../routed.js';
import { onlyStoodOnIt } from './routings.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  addressOf,
  BACK_TIMEOUT_MS,
  oneOf,
  pause,
  seconds,
  SHORT_CALLS,
  wallMs,
  wholeAgain,
} from './stage.js';
import { SyntheticFleet } from './synthetic-fleet.js';

const ROUNDS = 10;
/** A reload follows its commit so soon on a quiet machine. */
const SOON_MS = 20;
/** On a busy machine some kills come after the reload: with so few cut the drill would say nothing. */
const LEAST_CUT = ROUNDS / 2;
const COMMIT_TIMEOUT_MS = 10_000;
/** Beyond the gap between two reloads: the next one is not put off. */
const BETWEEN_MS = 1_200;

/**
 * kill -9 of a dispatcher's Kamailio between the commit of a new row and the reload that would bring it in,
 * again and again: it comes back with the list of the table, with the new row.
 */
export const kamailioKilledMidReload: Drill = { ...SHORT_CALLS, act };

interface Round {
  readonly hit: Kill;
  readonly afterCommitMs: number;
  /** The applier had proven the new list already when the kill came: nothing was cut. */
  readonly wasProven: boolean;
  readonly upMs: number;
  readonly faults: readonly string[];
}

interface Cut {
  readonly hit: Hit;
  readonly record: GenerationRecord;
  readonly wasProven: boolean;
}

async function act(stage: DrillStage): Promise<Judge> {
  const { lab, signal, say } = stage;
  const node = oneOf(lab, 'dispatcher');
  const rounds: Round[] = [];
  const fleet = await SyntheticFleet.open(stage, 1);
  try {
    for (let n = 1; n <= ROUNDS; n++) {
      const done = await oneRound(stage, node, () =>
        n % 2 === 1 ? fleet.appear() : fleet.leave(),
      );
      rounds.push(done);
      say(
        `${n} of ${ROUNDS}: killed ${done.afterCommitMs.toFixed(1)} ms after the commit, up after ${seconds(done.upMs)}`,
      );
      await wholeAgain(stage);
      await pause(BETWEEN_MS, signal);
    }
  } finally {
    await fleet.close();
  }
  const whole = await wholeAgain(stage);
  const hits = rounds.map(({ hit }) => hit);
  return (report) => [
    onlyStoodOnIt(report, hits, [readRoutings(lab, 'load-balancer')]),
    inTime(rounds),
    listsFinding(rounds),
    whole,
  ];
}

async function oneRound(
  stage: DrillStage,
  node: LabNode,
  change: () => Promise<void>,
): Promise<Round> {
  const { platform, signal } = stage;
  const oldInstance = platform.instanceOf(node.name);
  const killed = killAtCommit(stage, node);
  const [{ hit, record, wasProven }] = await Promise.all([killed, change()]);
  const startMs = wallMs();
  await platform.untilUpAgain(node.name, oldInstance, BACK_TIMEOUT_MS, signal);
  return {
    hit: { node: addressOf(node), atMs: hit.atMs },
    afterCommitMs: hit.atMs - record.committedAtMs,
    wasProven,
    upMs: wallMs() - startMs,
    faults: await platform.listFaults(node, setsRoutedBy(DEFAULT_WIRING, node.role)), // At once: the list had to be right before it was published.
  };
}

/** Kills in the same turn in which the next generation becomes known, which is when the applier learns of it too. */
async function killAtCommit({ lab, platform }: DrillStage, node: LabNode): Promise<Cut> {
  const { view } = platform;
  const base = view.generation().record?.generation ?? 0;
  let unsubscribe = (): void => undefined;
  const killed = new Promise<Cut>((resolve) => {
    unsubscribe = view.subscribe(() => {
      const { record } = view.generation();
      if (record === null || record.generation <= base) return;
      unsubscribe();
      const hit = killPart(lab, { name: node.name, agent: false });
      const proven = view.applied().records.get(node.name)?.record.generation ?? 0;
      resolve({ hit, record, wasProven: proven >= record.generation });
    }, ['generation']);
  });
  try {
    return await withDeadline('the commit of the change', COMMIT_TIMEOUT_MS, killed);
  } finally {
    unsubscribe();
  }
}

function inTime(rounds: readonly Round[]): Finding {
  const times = rounds.map(({ afterCommitMs }) => afterCommitMs);
  const soon = times.filter((ms) => ms <= SOON_MS).length;
  const cut = rounds.filter(({ wasProven }) => !wasProven).length;
  return {
    what: 'the kills come between the commit and the proof of its list',
    isGood: cut >= LEAST_CUT,
    seen: `${cut} of ${rounds.length}; ${soon} within ${SOON_MS} ms of the commit, the last ${Math.max(...times).toFixed(1)} ms`,
  };
}

function listsFinding(rounds: readonly Round[]): Finding {
  const faults = rounds.flatMap((round, n) => round.faults.map((one) => `round ${n + 1}: ${one}`));
  return {
    what: 'its list is right each time when it is published as up',
    isGood: faults.length === 0 && rounds.length === ROUNDS,
    seen: faults.length === 0 ? `${rounds.length} rounds` : faults.join('; '),
  };
}
