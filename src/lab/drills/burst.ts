import { readFigures, sumOf } from '../figures.js';
import type { LabNode } from '../plan.js';
import { kamailiosOf } from '../plan.js';
import { flagsOf, rowsUnchanged } from './rows.js';
import type { Drill, DrillStage, Finding, Judge } from './stage.js';
import {
  BACK_TIMEOUT_MS,
  noCallFailed,
  pause,
  seconds,
  SHORT_CALLS,
  untilFound,
  wallMs,
  wholeAgain,
} from './stage.js';
import { SyntheticFleet } from './synthetic-fleet.js';

const COUNT = 200;
/** As shipped: the leader merges what comes within this time into one generation. */
const QUIET_MS = 100;
/** The first change goes at once, and the clocks of two processes are compared. */
const SPARE_GENERATIONS = 2;
/** However slow the machine is: with more of them nothing would be merged to speak of. */
const MAX_GENERATIONS = COUNT / 4;
/** Between their coming and their going, for the last reload and the first pings. */
const BETWEEN_MS = 3_000;
const POLL_MS = 50;
const ACTIVE = 8;

/** 200 nodes that no call is for appear at once beside the real ones, and leave at once: the platform takes it in its stride. */
export const burst: Drill = { ...SHORT_CALLS, act };

async function act(stage: DrillStage): Promise<Judge> {
  const { platform, signal, say } = stage;
  const before = await platform.rowVersions();
  const fleet = await SyntheticFleet.open(stage, COUNT);
  const reloads = await ReloadCount.begin(stage);
  let findings: readonly Finding[];
  let stray: number;
  try {
    const came = await measured(stage, 'come', fleet, () => fleet.appear());
    say(came.seen);
    await pause(BETWEEN_MS, signal);
    const went = await measured(stage, 'go', fleet, () => fleet.leave());
    say(went.seen);
    stray = fleet.strayRequests;
    findings = [came, went];
  } finally {
    await fleet.close();
  }
  const whole = await wholeAgain(stage);
  const counted = await reloads.finding();
  const after = await platform.rowVersions();
  return (report) => [
    noCallFailed(report),
    ...findings,
    counted,
    {
      what: 'no call was sent to them',
      isGood: stray === 0,
      seen: `${stray} requests but OPTIONS`,
    },
    rowsUnchanged('the rows of the others did not change', before, after),
    whole,
  ];
}

async function measured(
  { platform, signal }: DrillStage,
  verb: 'come' | 'go',
  fleet: SyntheticFleet,
  change: () => Promise<void>,
): Promise<Finding> {
  const generation = (): number => platform.view.generation().record?.generation ?? 0;
  const base = generation();
  const startMs = wallMs();
  await change();
  const publishedMs = wallMs() - startMs;
  const { keys } = fleet;
  const wanted = verb === 'come' ? keys.length : 0;
  const isThere = async (): Promise<true | null> => {
    const rows = await platform.rowVersions();
    const found = keys.filter((key) =>
      verb === 'go' ? rows.has(key) : flagsOf(rows, key) === ACTIVE,
    );
    return found.length === wanted ? true : null;
  };
  const isDone = await untilFound(isThere, BACK_TIMEOUT_MS, POLL_MS, signal);
  const tookMs = wallMs() - startMs;
  await untilFound(() => (generation() > base ? true : null), BACK_TIMEOUT_MS, POLL_MS, signal);
  const generations = generation() - base;
  const limit = Math.min(MAX_GENERATIONS, Math.floor(tookMs / QUIET_MS) + SPARE_GENERATIONS);
  return {
    what: `${COUNT} nodes ${verb} at once, merged into few generations`,
    isGood: isDone !== null && generations > 0 && generations <= limit,
    seen: `${generations} generations (${limit} at most), published after ${seconds(publishedMs)}, ${
      isDone === null ? 'NOT all' : 'all'
    } in the table after ${seconds(tookMs)}`,
  };
}

/** How often each Kamailio reloads its list, against one a second. */
class ReloadCount {
  readonly #kamailios: readonly LabNode[];
  readonly #before: readonly number[];
  readonly #sinceMs: number;

  private constructor(kamailios: readonly LabNode[], before: readonly number[]) {
    this.#kamailios = kamailios;
    this.#before = before;
    this.#sinceMs = wallMs();
  }

  static async begin({ lab }: DrillStage): Promise<ReloadCount> {
    const kamailios = kamailiosOf(lab.plan);
    return new ReloadCount(kamailios, await readAll(kamailios));
  }

  async finding(): Promise<Finding> {
    const after = await readAll(this.#kamailios);
    const elapsedMs = wallMs() - this.#sinceMs;
    const counts = after.map((count, n) => count - (this.#before[n] ?? 0));
    const limit = Math.floor(elapsedMs / 1_000) + 1;
    const list = this.#kamailios.map(({ name }, n) => `${name} ${counts[n]}`);
    return {
      what: 'no Kamailio reloads more than once a second',
      isGood: counts.some((count) => count > 0) && counts.every((count) => count <= limit),
      seen: `in ${seconds(elapsedMs)}: ${list.join(', ')}`,
    };
  }
}

async function readAll(kamailios: readonly LabNode[]): Promise<readonly number[]> {
  const found = await Promise.all(kamailios.map(({ http }) => readFigures(http)));
  return found.map((one) => (one === null ? Number.NaN : sumOf(one, 'carna_agent_reloads_total')));
}
