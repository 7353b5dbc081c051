import type { Command } from 'commander';
import { deriveTimeline } from '../../topology/timeline.js';
import type { TimelineEntry } from '../../topology/timeline.js';
import type { Clock } from '../../util/clock.js';
import { parseCount, parseNodeId } from '../arguments.js';
import { withOperatorData } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { JSON_SCHEMA, jsonLine } from '../json-shapes.js';
import type { OperatorData } from '../operator-data.js';
import { untilInterrupted } from '../process-like.js';
import { timelineEntryText } from '../render/timeline-text.js';
import { wrapSegments } from '../render/layout.js';
import { formatDay, plural } from '../render/units.js';

const DEFAULT_LAST = 10;
const MAX_LAST = 1_000;
const FOLLOW_EVERY_MS = 300;
/** Read-backs come in after the commit: a change is printed when none came for so long, */
const SETTLED_AFTER_MS = 600;
/** or at the latest when it was first seen so long ago. */
const PRINTED_AFTER_MS = 5_000;

interface Options {
  readonly last: number;
  readonly node?: string;
  readonly follow?: true;
  readonly json?: true;
}

/** `carna timeline`. */
export function registerTimeline(program: Command, context: Context): void {
  program
    .command('timeline')
    .description('the last changes, each with the time it took at every stage')
    .option('--last <n>', 'so many changes', parseCount('a number of changes'), DEFAULT_LAST)
    .option('--node <node>', 'only changes of this node', parseNodeId)
    .option('--follow', 'go on with new changes as they become live')
    .option('--json', 'one JSON object, with --follow one per change; src/cli/json-shapes.ts')
    .addHelpText(
      'after',
      `
Exit code 1 when there is no change to show.
Examples:
  carna timeline --last 1
  carna timeline --follow --node media-1`,
    )
    .action(async (options: Options) => {
      await withOperatorData(context, async (data) => {
        await (options.follow === true ? follow : once)(context, data, options);
      });
    });
}

async function readEntries(
  data: OperatorData,
  options: Options,
  sinceId: number | null,
): Promise<TimelineEntry[]> {
  const last = Math.min(options.last, MAX_LAST);
  return deriveTimeline(await data.readChanges({ last, node: options.node ?? null, sinceId }));
}

async function once(context: Context, data: OperatorData, options: Options): Promise<void> {
  const entries = await readEntries(data, options, null);
  if (options.json === true) {
    context.print(jsonLine({ schema: JSON_SCHEMA, entries }));
  } else if (entries.length === 0) {
    context.print(options.node === undefined ? 'no change yet' : `no change of ${options.node}`);
  } else {
    context.print(...summary(entries, context));
    for (const entry of entries) printEntry(context, entry, options);
  }
  context.exitCode = entries.length === 0 ? EXIT.no : EXIT.done;
}

function summary(entries: readonly TimelineEntry[], context: Context): string[] {
  const slowest = Math.max(
    ...entries.map((entry) => entry.everywhereMs ?? Number.NEGATIVE_INFINITY),
  );
  const day = formatDay(entries.at(-1)?.startMs ?? 0, context.timeZone);
  const speed = Number.isFinite(slowest)
    ? `the slowest live everywhere after ${Math.ceil(slowest)} ms`
    : '';
  return wrapSegments(
    [`${plural(entries.length, 'change')} until ${day}`, speed],
    context.width(),
    ', ',
  );
}

function printEntry(context: Context, entry: TimelineEntry, options: Options): void {
  if (options.json === true) context.print(jsonLine(entry));
  else context.print(...timelineEntryText(entry, context.timeZone, context.paint, context.width()));
}

/** A change that waits for its read-backs. */
interface Pending {
  readonly firstMs: number;
  readonly changedMs: number;
  readonly proofs: number;
}

/** Prints the last changes, then every new one once its read-backs have settled, until interrupted. */
async function follow(context: Context, data: OperatorData, options: Options): Promise<void> {
  await untilInterrupted(context.proc, async (stop) => {
    let printedId: number | null = null;
    const pending = new Map<number, Pending>();
    while (!stop.aborted) {
      const wanted: Options = printedId === null ? options : { ...options, last: MAX_LAST };
      const entries: readonly TimelineEntry[] = await readEntries(data, wanted, printedId);
      if (entries.length === 0) printedId ??= 0; // Whatever comes from now on is new.
      for (const entry of entries) {
        if (!isSettled(entry, pending, context.clock)) break; // Keeps the order of commits.
        printEntry(context, entry, options);
        pending.delete(entry.id);
        printedId = entry.id;
      }
      await context.wait(FOLLOW_EVERY_MS, stop);
    }
  });
}

/** True when no more read-backs are to be expected soon. Remembers when their number last grew. */
function isSettled(entry: TimelineEntry, pending: Map<number, Pending>, clock: Clock): boolean {
  const nowMs = clock.monoMs();
  const before = pending.get(entry.id) ?? { firstMs: nowMs, changedMs: nowMs, proofs: -1 };
  const proofs = entry.live.length;
  const changedMs = proofs === before.proofs ? before.changedMs : nowMs;
  pending.set(entry.id, { firstMs: before.firstMs, changedMs, proofs });
  const isProven = proofs > 0 || entry.sets.length === 0;
  const isOld = clock.wallMs() - (entry.startMs + entry.committedMs) >= PRINTED_AFTER_MS;
  const waitedMs = nowMs - before.firstMs;
  return (
    isOld || waitedMs >= PRINTED_AFTER_MS || (isProven && nowMs - changedMs >= SETTLED_AFTER_MS)
  );
}
