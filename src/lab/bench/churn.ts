import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { LiveDestination } from '../../topology/live-destination.js';
import type { ChurnState } from './churn-nodes.js';
import { ChurnNodes } from './churn-nodes.js';
import { requireFigures, sumOf } from '../figures.js';
import { OptionsResponder } from '../options-responder.js';
import type { BenchRow } from './report.js';
import type { BenchContext } from './run-bench.js';
import { summarise } from './stats.js';

const NODES = 400;
const CHANGES_PER_SECOND = 100;
const TICK_MS = 50;
const BUDGET_LAG_MS = 2_000;
const BUDGET_RELOADS_PER_SECOND = 1;
const POLL_MS = 20;
const SETTLE_LIMIT_MS = 30_000;
/** A change that is not seen by then counts with this time. */
const LAG_LIMIT_MS = 10_000;
const SET_OF_REGISTRARS = 20;

/** Changes that never end: what each Kamailio must do for them, how far behind it is, and whether one is lost. */
export async function benchChurn(context: BenchContext): Promise<readonly BenchRow[]> {
  const { size, platform } = context;
  context.say(`${CHANGES_PER_SECOND} changes a second, ${size.churnMs / 1_000} s`);
  const nodes = await ChurnNodes.open(context, NODES);
  try {
    const responder = await OptionsResponder.open(nodes.addresses);
    try {
      await nodes.publishAll();
      await untilAllSeen(context, nodes);
      await nodes.spread(() => untilAllSeen(context, nodes));
      const before = await reloads(context);
      const startMs = performance.now();
      const churn = await churnFor(context, nodes);
      const seconds = (performance.now() - startMs) / 1_000;
      const after = await reloads(context);
      const lost = await lostAfter(context, nodes);
      // A window of n seconds may begin and end with a reload: n + 1 of them are one a second.
      const perSecond = after.map(
        (count, n) => Math.max(0, count - (before[n] ?? 0) - 1) / seconds,
      );
      return rowsOf(churn, perSecond, lost, platform.dispatchers.length);
    } finally {
      await responder.close();
    }
  } finally {
    await nodes.close();
  }
}

interface Churn {
  readonly changes: number;
  /** From ZooKeeper's answer to being seen in the list of every dispatcher, in ms. */
  readonly lagsMs: readonly number[];
}

async function churnFor(context: BenchContext, nodes: ChurnNodes): Promise<Churn> {
  const { size, signal } = context;
  const lagsMs: number[] = [];
  const endMs = performance.now() + size.churnMs;
  let changes = 0;
  let watching: Promise<void> | null = null;
  const startMs = performance.now();
  while (performance.now() < endMs && !signal.aborted) {
    const due = Math.floor(((performance.now() - startMs) * CHANGES_PER_SECOND) / 1_000) - changes;
    const batch = Array.from({ length: due }, (_, i) => (changes + i) % nodes.count);
    changes += due;
    await Promise.all(batch.map((n) => nodes.change(n)));
    const sample = batch.at(-1);
    if (watching === null && sample !== undefined) {
      watching = lagOf(context, nodes, sample).then((lagMs) => {
        lagsMs.push(lagMs);
        watching = null;
      });
    }
    await wait(TICK_MS, signal);
  }
  await watching;
  if (signal.aborted) throw new LabError('interrupted');
  return { changes, lagsMs };
}

/** How long until every dispatcher shows the node as it is now. It changes again only seconds later. */
async function lagOf(context: BenchContext, nodes: ChurnNodes, n: number): Promise<number> {
  const wanted = nodes.expected()[n];
  const startMs = performance.now();
  while (performance.now() - startMs < LAG_LIMIT_MS && wanted !== undefined) {
    const lists = await listsOf(context);
    if (lists.every((list) => stateIn(list, wanted.destination) === wanted.state)) break;
    await wait(POLL_MS, context.signal);
  }
  return performance.now() - startMs;
}

async function listsOf(
  context: BenchContext,
): Promise<readonly ReadonlyMap<string, LiveDestination>[]> {
  const { platform } = context;
  return Promise.all(
    platform.dispatchers.map(async (node) => {
      const list = await platform.liveList(node);
      const ours = list.filter((dest) => dest.setid === SET_OF_REGISTRARS);
      return new Map(ours.map((dest) => [dest.destination, dest] as const));
    }),
  );
}

function stateIn(list: ReadonlyMap<string, LiveDestination>, destination: string): ChurnState {
  const found = list.get(destination);
  if (found === undefined) return 'absent';
  return found.letters.startsWith('D') ? 'disabled' : 'listed';
}

/** Nodes that some dispatcher still shows otherwise when the time to settle is over. */
async function lostAfter(context: BenchContext, nodes: ChurnNodes): Promise<number> {
  const endMs = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const lists = await listsOf(context);
    const lost = nodes
      .expected()
      .filter(({ destination, state }) =>
        lists.some((list) => stateIn(list, destination) !== state),
      ).length;
    if (lost === 0 || performance.now() > endMs || context.signal.aborted) return lost;
    await wait(POLL_MS, context.signal);
  }
}

async function untilAllSeen(context: BenchContext, nodes: ChurnNodes): Promise<void> {
  const lost = await lostAfter(context, nodes);
  if (context.signal.aborted) throw new LabError('interrupted');
  if (lost > 0)
    throw new LabError(`${lost} of ${nodes.count} nodes are not as published before it began`);
}

async function reloads(context: BenchContext): Promise<readonly number[]> {
  return Promise.all(
    context.platform.dispatchers.map(async ({ http }) =>
      sumOf(await requireFigures(http), 'carna_agent_reloads_total'),
    ),
  );
}

function rowsOf(
  churn: Churn,
  reloadsPerSecond: readonly number[],
  lost: number,
  kamailios: number,
): readonly BenchRow[] {
  const lag = summarise(churn.lagsMs);
  const rate = summarise(reloadsPerSecond);
  return [
    {
      name: `${CHANGES_PER_SECOND} changes a second: published → in every list`,
      budget: `≤ ${BUDGET_LAG_MS}`,
      unit: 'ms',
      summary: lag,
      isWithin: lag.max <= BUDGET_LAG_MS,
      note: `${churn.changes} changes of ${NODES} nodes, two of five in membership; one change at a time watched in the lists of ${kamailios} Kamailios`,
    },
    {
      name: 'reloads of each Kamailio meanwhile',
      budget: `≤ ${BUDGET_RELOADS_PER_SECOND}`,
      unit: 'reloads/s',
      summary: rate,
      isWithin: rate.max <= BUDGET_RELOADS_PER_SECOND,
      note: "gaps between reloads, by the agents' own count",
    },
    {
      name: 'changes lost',
      budget: '0',
      unit: 'nodes',
      summary: summarise([lost]),
      isWithin: lost === 0,
      note: 'nodes that some list shows otherwise after the last change was given time to arrive',
    },
  ];
}
