import { DEFAULT_WIRING } from '../topology/wiring.js';
import { CarnaError } from '../util/errors.js';
import type { AgentHealth } from './agent-health-codec.js';
import type { Context } from './context.js';
import { deriveDrainProgress } from './drain-progress.js';
import type { DrainProgress } from './drain-progress.js';
import { EXIT } from './exit-codes.js';
import type { ExitCode } from './exit-codes.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import type { OperatorData } from './operator-data.js';
import { untilInterrupted } from './process-like.js';
import { drainEndLines, drainProgressLines, drainStepText } from './render/drain-text.js';
import type { DrainWatch } from './render/drain-text.js';
import { plural } from './render/units.js';

const LOOK_EVERY_MS = 250;
const OWN_INTENT_MS = 2_000;
/** In a pipe a line for each step, and for each change of calls at most this often. */
const LINE_EVERY_MS = 5_000;

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
  const show = isJson ? jsonShower(context, nodeId) : textShower(context, nodeId);
  let watch: DrainWatch = { mostCalls: null, lastCalls: null, lastCut: null, isWatched: false };
  return untilInterrupted(context.proc, async (stop) => {
    const startMs = context.clock.monoMs();
    let isAsked = false;
    while (!stop.aborted) {
      const progress = await look(context, data, nodeId);
      isAsked ||= progress.askedAtMs !== null;
      if (progress.step === 'cancelled' && !isAsked && !isSettled(context, startMs)) {
        await context.wait(LOOK_EVERY_MS, stop);
        continue;
      }
      watch = remember(watch, progress);
      show(progress, watch);
      if (OVER.has(progress.step)) return exitCodeOf(progress, watch);
      watch = { ...watch, isWatched: true };
      await context.wait(LOOK_EVERY_MS, stop);
    }
    if (!isJson) {
      context.print('', `${nodeId} goes on draining. Undo: carna undrain ${nodeId}`);
    }
    return EXIT.no;
  });
}

/** Our own intent may take a moment until it comes back to us: until then nobody took it back. */
function isSettled(context: Context, startMs: number): boolean {
  return context.clock.monoMs() - startMs > OWN_INTENT_MS;
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
function exitCodeOf(progress: DrainProgress, watch: DrainWatch): ExitCode {
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

const OVER: ReadonlySet<DrainProgress['step']> = new Set([
  'drained',
  'gone',
  'cancelled',
  'overdue',
]);

async function look(context: Context, data: OperatorData, nodeId: string): Promise<DrainProgress> {
  const topology = await data.readTopology();
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

type Shower = (progress: DrainProgress, watch: DrainWatch) => void;

function jsonShower(context: Context, nodeId: string): Shower {
  let before = '';
  return (progress) => {
    const { step, proven, consumers, callsLeft, estimateMs, deadlineAtMs, cut } = progress;
    const facts = { step, proven, consumers, callsLeft, cut };
    if (JSON.stringify(facts) === before) return;
    before = JSON.stringify(facts);
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, ...facts, estimateMs, deadlineAtMs }));
  };
}

function textShower(context: Context, nodeId: string): Shower {
  const { clock } = context;
  const draw = context.isTty ? screen(context) : null;
  let said = { text: '', calls: null as number | null, atMs: Number.NEGATIVE_INFINITY };
  return (progress, watch) => {
    const { callsLeft } = progress;
    const isOver = OVER.has(progress.step);
    const end = isOver ? drainEndLines(nodeId, progress, watch, clock.wallMs()) : [];
    if (draw !== null) {
      draw(isOver ? end : screenLines(context, nodeId, progress, watch));
      return;
    }
    if (isOver) {
      context.print(...end);
      return;
    }
    const text = drainStepText(nodeId, progress);
    const isNewCount = callsLeft !== said.calls && clock.monoMs() - said.atMs >= LINE_EVERY_MS;
    if (text === said.text && !isNewCount) return;
    const calls = callsLeft === null ? '' : ` ${plural(callsLeft, 'call')} left.`;
    context.print(`${text}${calls}`);
    said = { text, calls: callsLeft, atMs: clock.monoMs() };
  };
}

function screenLines(
  context: Context,
  nodeId: string,
  progress: DrainProgress,
  { mostCalls }: DrainWatch,
): string[] {
  const { paint, clock } = context;
  const nowMs = clock.wallMs();
  const lines = drainProgressLines(nodeId, progress, mostCalls, nowMs, paint, context.width());
  return [...lines, paint.dim(`Ctrl-C leaves it draining. Undo: carna undrain ${nodeId}`)];
}

/** Draws lines over the ones drawn before. */
function screen(context: Context): (lines: readonly string[]) => void {
  let drawn = 0;
  return (lines) => {
    const up = drawn === 0 ? '' : `\x1b[${drawn}A`;
    context.proc.stdout.write(`${up}${lines.map((line) => `\r\x1b[K${line}\n`).join('')}\x1b[J`);
    drawn = lines.length;
  };
}
