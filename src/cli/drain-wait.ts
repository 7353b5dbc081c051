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
import { drainProgressLines, drainStepText } from './render/drain-text.js';
import { plural } from './render/units.js';

const LOOK_EVERY_MS = 250;
/** In a pipe a line for each step, and for each change of calls at most this often. */
const LINE_EVERY_MS = 5_000;

/**
 * Shows a drain until it is over or somebody presses Ctrl-C, which leaves it draining.
 *
 * EXIT.done when it is drained or gone; EXIT.no when it was taken back, is overdue or was left.
 */
export async function waitForDrain(
  context: Context,
  data: OperatorData,
  nodeId: string,
  isJson: boolean,
): Promise<ExitCode> {
  const show = isJson ? jsonShower(context, nodeId) : textShower(context, nodeId);
  return untilInterrupted(context.proc, async (stop) => {
    while (!stop.aborted) {
      const progress = await look(context, data, nodeId);
      const isOver = OVER.has(progress.step);
      show(progress, isOver);
      if (isOver) {
        if (progress.step === 'overdue' && !isJson) {
          context.print(`Next: carna drain ${nodeId} --now, or carna topology`);
        }
        return progress.step === 'drained' || progress.step === 'gone' ? EXIT.done : EXIT.no;
      }
      await context.wait(LOOK_EVERY_MS, stop);
    }
    if (!isJson) {
      context.print('', `${nodeId} goes on draining. Undo: carna undrain ${nodeId}`);
    }
    return EXIT.no;
  });
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

type Shower = (progress: DrainProgress, isOver: boolean) => void;

function jsonShower(context: Context, nodeId: string): Shower {
  let before = '';
  return (progress) => {
    const { step, proven, consumers, callsLeft, estimateMs, deadlineAtMs } = progress;
    const facts = { step, proven, consumers, callsLeft };
    if (JSON.stringify(facts) === before) return;
    before = JSON.stringify(facts);
    context.print(jsonLine({ schema: JSON_SCHEMA, nodeId, ...facts, estimateMs, deadlineAtMs }));
  };
}

function textShower(context: Context, nodeId: string): Shower {
  const { paint, clock } = context;
  let mostCalls: number | null = null;
  let drawn = 0;
  let said = { text: '', calls: null as number | null, atMs: Number.NEGATIVE_INFINITY };
  return (progress, isOver) => {
    const { callsLeft } = progress;
    if (callsLeft !== null) mostCalls = Math.max(mostCalls ?? 0, callsLeft);
    if (context.isTty) {
      const width = context.width();
      const lines = isOver
        ? [drainStepText(nodeId, progress)]
        : drainProgressLines(nodeId, progress, mostCalls, clock.wallMs(), paint, width);
      if (!isOver)
        lines.push(paint.dim(`Ctrl-C leaves it draining. Undo: carna undrain ${nodeId}`));
      const up = drawn === 0 ? '' : `\x1b[${drawn}A`;
      context.proc.stdout.write(`${up}${lines.map((line) => `\r\x1b[K${line}\n`).join('')}\x1b[J`);
      drawn = lines.length;
      return;
    }
    const text = drainStepText(nodeId, progress);
    const isNewCount = callsLeft !== said.calls && clock.monoMs() - said.atMs >= LINE_EVERY_MS;
    if (text === said.text && !isNewCount) return;
    const calls = callsLeft === null || isOver ? '' : ` ${plural(callsLeft, 'call')} left.`;
    context.print(`${text}${calls}`);
    said = { text, calls: callsLeft, atMs: clock.monoMs() };
  };
}
