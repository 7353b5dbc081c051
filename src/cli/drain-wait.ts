import { DEFAULT_WIRING } from '../topology/wiring.js';
import { CarnaError } from '../util/errors.js';
import type { AgentHealth } from './agent-health-codec.js';
import type { Context } from './context.js';
import { deriveDrainProgress } from './drain-progress.js';
import type { DrainProgress } from './drain-progress.js';
import type { DrainFollow } from './drain-shower.js';
import { isOver, openDrainShower } from './drain-shower.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import type { OperatorData, TopologyData } from './operator-data.js';
import { untilInterrupted } from './process-like.js';
import type { DrainWatch } from './render/drain-text.js';

const LOOK_EVERY_MS = 250;
const OWN_INTENT_MS = 2_000;
/** Whose drains are shown together. */
export interface DrainSubject {
  readonly nodeIds: readonly string[];
  /** The command that takes them back. */
  readonly undo: string;
}

/**
 * Shows a drain until it is over or somebody presses Ctrl-C, which leaves it draining.
 *
 * EXIT.done when it is drained or gone; EXIT.no when it was taken back, is overdue, was left, or calls
 * outlived its deadline.
 */
export async function waitForDrain(
  context: Context,
  data: OperatorData,
  nodeId: string,
  isJson: boolean,
): Promise<ExitCode> {
  const subject = { nodeIds: [nodeId], undo: `carna undrain ${nodeId}` };
  return waitForDrains(context, data, subject, isJson);
}

/** The same for several nodes, until all of their drains are over; EXIT.done when each ended so. */
export async function waitForDrains(
  context: Context,
  data: OperatorData,
  subject: DrainSubject,
  isJson: boolean,
): Promise<ExitCode> {
  const { nodeIds, undo } = subject;
  const show = openDrainShower(context, subject, isJson);
  let follows = nodeIds.map((nodeId): DrainFollow => ({ nodeId, ...UNSEEN }));
  return untilInterrupted(context.proc, async (stop) => {
    const startMs = context.clock.monoMs();
    while (!stop.aborted) {
      const topology = await data.readTopology();
      const isSettled = context.clock.monoMs() - startMs > OWN_INTENT_MS;
      follows = await Promise.all(
        follows.map((one) => follow(context, data, topology, one, isSettled)),
      );
      show(follows);
      if (follows.every(({ progress }) => isOver(progress))) {
        const codes = follows.map(exitCodeOf);
        return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
      }
      follows = follows.map(watched);
      await context.wait(LOOK_EVERY_MS, stop);
    }
    if (!isJson) {
      const verb = nodeIds.length === 1 ? 'goes' : 'go';
      context.print('', `${nodeIds.join(', ')} ${verb} on draining. Undo: ${undo}`);
    }
    return EXIT.no;
  });
}

const UNSEEN = {
  progress: null,
  watch: { mostCalls: null, lastCalls: null, lastCut: null, isWatched: false },
  isAsked: false,
} as const;

/** The next look at one node; who is over already is not asked again. */
async function follow(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
  before: DrainFollow,
  isSettled: boolean,
): Promise<DrainFollow> {
  if (isOver(before.progress)) return before;
  const { nodeId } = before;
  const progress = await look(context, data, topology, nodeId);
  const isAsked = before.isAsked || progress.askedAtMs !== null;
  // Our own intent may take a moment until it comes back to us: until then nobody took it back.
  if (progress.step === 'cancelled' && !isAsked && !isSettled) return before;
  return { nodeId, progress, isAsked, watch: remember(before.watch, progress) };
}

function watched(follow: DrainFollow): DrainFollow {
  if (follow.progress === null || isOver(follow.progress)) return follow;
  return { ...follow, watch: { ...follow.watch, isWatched: true } };
}

function remember(watch: DrainWatch, { callsLeft, cut }: DrainProgress): DrainWatch {
  if (callsLeft === null) return watch;
  return {
    ...watch,
    mostCalls: Math.max(watch.mostCalls ?? 0, callsLeft),
    lastCalls: callsLeft,
    lastCut: cut,
  };
}

/** Calls that outlived the deadline are a "no"; with --now the operator had said so. */
function exitCodeOf({ progress, watch }: DrainFollow): ExitCode {
  if (progress === null) return EXIT.no;
  switch (progress.step) {
    case 'drained':
      return (progress.callsLeft ?? 0) > 0 && !progress.isNow ? EXIT.no : EXIT.done;
    case 'gone':
      return (watch.lastCut ?? 0) > 0 && !progress.isNow ? EXIT.no : EXIT.done;
    case 'asked':
    case 'announced':
    case 'unlisted':
    case 'cancelled':
    case 'overdue':
      return EXIT.no;
    default:
      return progress.step satisfies never;
  }
}

async function look(
  context: Context,
  data: OperatorData,
  topology: TopologyData,
  nodeId: string,
): Promise<DrainProgress> {
  const http = topology.nodes.get(nodeId)?.record.agent.http ?? null;
  const health = http === null ? null : await readHealth(data, http);
  return deriveDrainProgress(nodeId, topology, health, DEFAULT_WIRING, context.clock.wallMs());
}

/** Null when the agent does not answer: the registry's word is enough to go on. */
async function readHealth(data: OperatorData, http: string): Promise<AgentHealth | null> {
  try {
    return await data.readAgentHealth(http);
  } catch (err) {
    if (err instanceof CarnaError) return null;
    throw err;
  }
}
