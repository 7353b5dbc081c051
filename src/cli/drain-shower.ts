import type { Context } from './context.js';
import type { DrainProgress } from './drain-progress.js';
import { JSON_SCHEMA, jsonLine } from './json-shapes.js';
import { drainEndLines, drainProgressLines, drainStepText } from './render/drain-text.js';
import type { DrainWatch } from './render/drain-text.js';
import { plural } from './render/units.js';

/** In a pipe a line for each step, and for each change of calls at most this often. */
const LINE_EVERY_MS = 5_000;

/** One node whose drain is followed. */
export interface DrainFollow {
  readonly nodeId: string;
  /** Null until it was seen. */
  readonly progress: DrainProgress | null;
  readonly watch: DrainWatch;
  /** Its intent was seen. */
  readonly isAsked: boolean;
}

const OVER: ReadonlySet<DrainProgress['step']> = new Set([
  'drained',
  'gone',
  'cancelled',
  'overdue',
]);

/** Whether there is nothing left to wait for. Pure. */
export function isOver(progress: DrainProgress | null): boolean {
  return progress !== null && OVER.has(progress.step);
}

/**
 * Shows the drains of all nodes each time it is called: on a terminal as one drawing over the last one,
 * in a pipe and with `isJson` as lines, for each node its own.
 */
export function openDrainShower(
  context: Context,
  { nodeIds, undo }: { readonly nodeIds: readonly string[]; readonly undo: string },
  isJson: boolean,
): (follows: readonly DrainFollow[]) => void {
  if (context.isTty && !isJson) return screenShower(context, undo);
  const open = isJson ? jsonShower : textShower;
  const showers = new Map(nodeIds.map((nodeId) => [nodeId, open(context, nodeId)]));
  const over = new Set<string>();
  return (follows) => {
    for (const { nodeId, progress, watch } of follows) {
      if (progress === null || over.has(nodeId)) continue;
      showers.get(nodeId)?.(progress, watch);
      if (isOver(progress)) over.add(nodeId);
    }
  };
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
  let said = { text: '', calls: null as number | null, atMs: Number.NEGATIVE_INFINITY };
  return (progress, watch) => {
    if (isOver(progress)) {
      context.print(...drainEndLines(nodeId, progress, watch, clock.wallMs()));
      return;
    }
    const { callsLeft } = progress;
    const text = drainStepText(nodeId, progress);
    const isNewCount = callsLeft !== said.calls && clock.monoMs() - said.atMs >= LINE_EVERY_MS;
    if (text === said.text && !isNewCount) return;
    const calls = callsLeft === null ? '' : ` ${plural(callsLeft, 'call')} left.`;
    context.print(`${text}${calls}`);
    said = { text, calls: callsLeft, atMs: clock.monoMs() };
  };
}

function screenShower(context: Context, undo: string): (follows: readonly DrainFollow[]) => void {
  const { paint, clock } = context;
  const draw = screen(context);
  const nodeLines = ({ nodeId, progress, watch }: DrainFollow): readonly string[] => {
    if (progress === null) return [];
    const nowMs = clock.wallMs();
    if (isOver(progress)) return drainEndLines(nodeId, progress, watch, nowMs);
    const width = context.width();
    return drainProgressLines(nodeId, progress, watch.mostCalls, nowMs, paint, width);
  };
  return (follows) => {
    const seen = follows.filter(({ progress }) => progress !== null);
    if (seen.length === 0) return;
    const isEnd = follows.every(({ progress }) => isOver(progress));
    const it = follows.length === 1 ? 'it' : 'them';
    const hint = isEnd ? [] : [paint.dim(`Ctrl-C leaves ${it} draining. Undo: ${undo}`)];
    draw([...seen.flatMap(nodeLines), ...hint]);
  };
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
