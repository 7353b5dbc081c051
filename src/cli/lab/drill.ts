import { drillNeeds, runDrill } from '../../lab/drill.js';
import type { DrillName } from '../../lab/drills/names.js';
import { DRILL_NAMES, DRILL_SUMMARIES, QUICK_DRILLS } from '../../lab/drills/names.js';
import type { DrillReport, DrillResult } from '../../lab/drills/report.js';
import { brokenDrill, drillReport, drillResult, undoneDrill } from '../../lab/drills/report.js';
import type { DrillOptions } from '../../lab/drills/stage.js';
import { openPlatform } from '../../lab/platform.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { CarnaError, messageOf, MissingPartError, UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';
import type { ExitCode } from '../exit-codes.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { renderTable } from '../render/layout.js';
import { formatDuration, plural } from '../render/units.js';
import { drillList } from './drill-list.js';
import { labLogger } from './logger.js';

export interface DrillCliOptions {
  readonly all?: true;
  readonly quick?: true;
  /** Seconds; without it FOR_S, or with `quick` QUICK_FOR_S. */
  readonly for?: number;
  /** Without it ROUNDS, or with `quick` QUICK_ROUNDS. */
  readonly rounds?: number;
  readonly rate: number;
  readonly users?: true;
  readonly json?: true;
}

const FRESH_TIMEOUT_MS = 10_000;
const [FOR_S, QUICK_FOR_S] = [60, 2];
const [ROUNDS, QUICK_ROUNDS] = [2, 1];

/** `carna lab drill [NAME]`: exit code 1 when something did not hold. */
export async function drillCommand(
  context: Context,
  name: DrillName | undefined,
  options: DrillCliOptions,
): Promise<void> {
  if (name !== undefined && options.all === true) {
    throw new UsageError(`expected the name of a drill or --all, found both: ${name}`);
  }
  if (options.quick === true && options.all !== true) {
    throw new UsageError('--quick says which of --all: expected carna lab drill --all --quick');
  }
  if (name === undefined && options.all !== true) {
    context.print(...listText());
    return;
  }
  const all = options.quick === true ? QUICK_DRILLS : DRILL_NAMES;
  const names = name === undefined ? all : [name];
  const results = await untilInterrupted(context.proc, (signal) =>
    runAll(context, names, options, signal),
  );
  const report = drillReport(results);
  if (options.json === true) context.print(JSON.stringify(report));
  else if (names.length > 1) context.print(...summaryText(context, report));
  // Ctrl-C between two drills leaves some undone.
  const isComplete = results.length === names.length;
  context.exitCode = drillExitCode(report, isComplete);
}

/**
 * 0 = all were done and passed; 1 = one failed, or not all were tried; 3 = those that were done passed, the
 * others need something that is not there. Pure.
 */
export function drillExitCode({ hasPassed, drills }: DrillReport, isComplete: boolean): ExitCode {
  if (hasPassed && isComplete) return EXIT.done;
  const hasFailed = drills.length === 0 || drills.some(({ verdict }) => verdict === 'failed');
  return hasFailed || !isComplete ? EXIT.no : EXIT.away;
}

function listText(): string[] {
  const run = 'Run one: carna lab drill drain; the quick ones: carna lab drill --all --quick';
  return [...drillList(), '', `${run}; all: carna lab drill --all`];
}

/** One after the other; a failed one does not keep the next from being tried, Ctrl-C does. */
async function runAll(
  context: Context,
  names: readonly DrillName[],
  options: DrillCliOptions,
  signal: AbortSignal,
): Promise<readonly DrillResult[]> {
  const results: DrillResult[] = [];
  for (const [n, name] of names.entries()) {
    if (signal.aborted) break;
    if (options.json !== true) {
      const count = names.length === 1 ? '' : `${n + 1} of ${names.length}: `;
      context.print(context.paint.bold(`${count}${name}: ${DRILL_SUMMARIES[name]}`));
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
  const needs = await drillNeeds(name, lab);
  if (needs !== null) {
    if (isOneOfMany) return undoneDrill(name, needs);
    throw new MissingPartError(`the drill ${name} needs ${needs}`, remedyFor(needs));
  }
  const platform = openPlatform(lab, labLogger(context.proc.env));
  try {
    await platform.view.whenFresh(FRESH_TIMEOUT_MS);
    const outcome = await runDrill(name, lab, platform, drillOptions(context, options, signal));
    return drillResult(name, tookMs(), outcome);
  } catch (err) {
    if (!isOneOfMany || !(err instanceof CarnaError)) throw err;
    return brokenDrill(name, tookMs(), messageOf(err));
  } finally {
    await platform.close();
  }
}

function drillOptions(
  context: Context,
  options: DrillCliOptions,
  signal: AbortSignal,
): DrillOptions {
  const isQuick = options.quick === true;
  return {
    awayMs: (options.for ?? (isQuick ? QUICK_FOR_S : FOR_S)) * 1_000,
    rounds: options.rounds ?? (isQuick ? QUICK_ROUNDS : ROUNDS),
    callsPerSecond: options.rate,
    users: options.users === true,
    env: context.proc.env,
    signal,
    say: (line) => {
      if (options.json !== true) context.print(context.paint.dim(`  ${line}`));
    },
  };
}

function remedyFor(needs: string): string {
  if (!needs.startsWith('--')) return 'run it where that is there';
  return `carna lab down && carna lab up ${needs}`;
}

function resultText(context: Context, result: DrillResult): string[] {
  const { paint } = context;
  if (result.needs !== null)
    return [`${paint.warn('not done')}: ${result.name} needs ${result.needs}`];
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
  const rows = report.drills.map(({ name, verdict, needs, tookMs, calls }) => [
    name,
    needs === null ? verdict : `needs ${needs}`,
    needs === null ? (tookMs / 1_000).toFixed(1) : '',
    calls === null ? '' : String(calls.sent),
    calls === null ? '' : String(calls.failed),
  ]);
  const columns = [
    { header: 'DRILL' },
    { header: 'RESULT' },
    { header: 'SECONDS', align: 'end' },
    { header: 'CALLS', align: 'end' },
    { header: 'FAILED', align: 'end' },
  ] as const;
  const passed = report.drills.filter((drill) => drill.hasPassed).length;
  const failed = report.drills.filter(({ verdict }) => verdict === 'failed');
  const line = [
    `${passed} of ${plural(report.drills.length, 'drill')} passed`,
    ...(failed.length === 0 ? [] : [`failed: ${failed.map(({ name }) => name).join(', ')}`]),
    ...(report.undone.length === 0 ? [] : [`not done: ${report.undone.join(', ')}`]),
  ].join('; ');
  const colour = failed.length > 0 ? paint.bad : report.hasPassed ? paint.good : paint.warn;
  return ['', ...renderTable(columns, rows, context.width()), '', colour(line)];
}
