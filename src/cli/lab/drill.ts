import { runDrill } from '../../lab/drill.js';
import type { DrillName } from '../../lab/drills/names.js';
import { DRILL_NAMES, DRILL_SUMMARIES } from '../../lab/drills/names.js';
import type { DrillReport, DrillResult } from '../../lab/drills/report.js';
import { drillReport, drillResult } from '../../lab/drills/report.js';
import type { DrillOptions } from '../../lab/drills/stage.js';
import { openPlatform } from '../../lab/platform.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { CarnaError, messageOf, UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { formatDuration, plural } from '../render/units.js';
import { labLogger } from './logger.js';

export interface DrillCliOptions {
  readonly all?: true;
  /** Seconds. */
  readonly for: number;
  readonly rounds: number;
  readonly rate: number;
  readonly json?: true;
}

const FRESH_TIMEOUT_MS = 10_000;

/** `carna lab drill [NAME]`: exit code 1 when something did not hold. */
export async function drillCommand(
  context: Context,
  name: DrillName | undefined,
  options: DrillCliOptions,
): Promise<void> {
  if (name !== undefined && options.all === true) {
    throw new UsageError(`expected the name of a drill or --all, found both: ${name}`);
  }
  if (name === undefined && options.all !== true) {
    context.print(...listText());
    return;
  }
  const names = name === undefined ? DRILL_NAMES : [name];
  const results = await untilInterrupted(context.proc, (signal) =>
    runAll(context, names, options, signal),
  );
  const report = drillReport(results);
  if (options.json === true) context.print(JSON.stringify(report));
  else if (names.length > 1) context.print(...summaryText(context, report));
  // Ctrl-C between two drills leaves some undone.
  const isComplete = results.length === names.length;
  context.exitCode = report.hasPassed && isComplete ? EXIT.done : EXIT.no;
}

function listText(): string[] {
  const longest = Math.max(...DRILL_NAMES.map((name) => name.length));
  return [
    ...DRILL_NAMES.map((name) => `${name.padEnd(longest)}  ${DRILL_SUMMARIES[name]}`),
    '',
    'Run one: carna lab drill drain; all: carna lab drill --all',
  ];
}

/** One after the other; a failed one does not keep the next from being tried, Ctrl-C does. */
async function runAll(
  context: Context,
  names: readonly DrillName[],
  options: DrillCliOptions,
  signal: AbortSignal,
): Promise<readonly DrillResult[]> {
  const results: DrillResult[] = [];
  for (const name of names) {
    if (signal.aborted) break;
    if (options.json !== true) {
      context.print(context.paint.bold(`${name}: ${DRILL_SUMMARIES[name]}`));
    }
    const result = await runOne(context, name, options, signal, names.length > 1);
    results.push(result);
    if (options.json !== true) context.print(...resultText(context, result));
  }
  return results;
}

async function runOne(
  context: Context,
  name: DrillName,
  options: DrillCliOptions,
  signal: AbortSignal,
  isOneOfMany: boolean,
): Promise<DrillResult> {
  const startMs = context.clock.monoMs();
  const tookMs = (): number => context.clock.monoMs() - startMs;
  // Read anew each time: a drill may have started an agent again.
  const lab = requireLab(defaultRunDir(context.proc.env));
  const platform = openPlatform(lab, labLogger(context.proc.env));
  try {
    await platform.view.whenFresh(FRESH_TIMEOUT_MS);
    const findings = await runDrill(name, lab, platform, drillOptions(context, options, signal));
    return drillResult(name, tookMs(), findings);
  } catch (err) {
    if (!isOneOfMany || !(err instanceof CarnaError)) throw err;
    return {
      name,
      hasPassed: false,
      tookMs: Math.round(tookMs()),
      findings: [],
      error: messageOf(err),
    };
  } finally {
    await platform.close();
  }
}

function drillOptions(
  context: Context,
  options: DrillCliOptions,
  signal: AbortSignal,
): DrillOptions {
  return {
    awayMs: options.for * 1_000,
    rounds: options.rounds,
    callsPerSecond: options.rate,
    env: context.proc.env,
    signal,
    say: (line) => {
      if (options.json !== true) context.print(context.paint.dim(`  ${line}`));
    },
  };
}

function resultText(context: Context, result: DrillResult): string[] {
  const { paint } = context;
  const verdict = result.hasPassed ? paint.good('passed') : paint.bad('FAILED');
  return [
    `${verdict}: ${result.name}, ${formatDuration(result.tookMs)}`,
    ...(result.error === null ? [] : [`  ${paint.bad('✘')} could not be done: ${result.error}`]),
    ...result.findings.map(
      (f) => `  ${f.isGood ? paint.good('✔') : paint.bad('✘')} ${f.what}: ${f.seen}`,
    ),
  ];
}

function summaryText(context: Context, report: DrillReport): string[] {
  const { paint } = context;
  const passed = report.drills.filter((drill) => drill.hasPassed).length;
  const failed = report.drills.filter((drill) => !drill.hasPassed).map((drill) => drill.name);
  const rest = failed.length === 0 ? '' : `, failed: ${failed.join(', ')}`;
  const line = `${passed} of ${plural(report.drills.length, 'drill')} passed${rest}`;
  return ['', report.hasPassed ? paint.good(line) : paint.bad(line)];
}
