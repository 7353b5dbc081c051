import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ScheduleResult } from './schedule.js';
import type { WorkOrder } from './worker.js';

/**
 * Simulates many schedules over several processes: `node dist/test/sim/run.js`, with SEEDS (how many),
 * FROM (the first) and TRACE=1 (print what happens) in the environment. Ends with 1 when anything was
 * violated.
 */
export interface SimOutcome {
  readonly schedules: number;
  readonly failed: readonly ScheduleResult[];
  readonly results: readonly ScheduleResult[];
}

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
const BATCH = 25;
/** Of the trace before a violation. */
const LAST_LINES = 40;

export interface SimOptions {
  readonly from: number;
  readonly count: number;
  readonly isTraced?: boolean;
  readonly workers?: number;
  /** Name of a planted fault (sabotage.ts). */
  readonly sabotage?: string;
  readonly onResult?: (result: ScheduleResult, done: number) => void;
}

/** Runs the schedules of `count` seeds from `from` on. Rejects when a worker process dies. */
export async function simulate(options: SimOptions): Promise<SimOutcome> {
  const { from, count, isTraced = false, sabotage = null } = options;
  const results: ScheduleResult[] = [];
  let next = from;
  const order = (): WorkOrder | null => {
    const left = from + count - next;
    if (left <= 0) return null;
    const batch = { from: next, count: Math.min(BATCH, left), isTraced, sabotage };
    next += batch.count;
    return batch;
  };
  const workers = Math.min(options.workers ?? availableParallelism(), Math.ceil(count / BATCH));
  await Promise.all(
    Array.from({ length: Math.max(1, workers) }, () =>
      work(order, (result) => {
        results.push(result);
        options.onResult?.(result, results.length);
      }),
    ),
  );
  results.sort((a, b) => a.seed - b.seed);
  return {
    schedules: results.length,
    failed: results.filter(({ violations }) => violations.length > 0),
    results,
  };
}

function work(
  order: () => WorkOrder | null,
  onResult: (result: ScheduleResult) => void,
): Promise<void> {
  const child: ChildProcess = fork(WORKER, { execArgv: ['--max-old-space-size=400'] });
  return new Promise<void>((resolve, reject) => {
    const ask = (): void => {
      const batch = order();
      if (batch === null) child.kill();
      else child.send(batch);
    };
    child.on('message', (message: ScheduleResult | 'done') => {
      if (message === 'done') ask();
      else onResult(message);
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (signal === 'SIGTERM') resolve();
      else reject(new Error(`a simulating process ended with ${code ?? signal}`));
    });
    ask();
  });
}

/** A violation with what led to it. */
export function describeFailure({ violations, lines, seed }: ScheduleResult): string {
  const first = violations[0];
  if (first === undefined) return '';
  const at = lines.findIndex((line) => line.includes('VIOLATION'));
  const before = at === -1 ? [] : lines.slice(Math.max(0, at - LAST_LINES), at + 1);
  const told = violations
    .slice(0, 5)
    .map(({ atMs, invariant, what }) => `  ${(atMs / 1_000).toFixed(3)} s ${invariant}: ${what}`);
  return [`seed ${seed}:`, ...told, ...before.map((line) => `    ${line}`)].join('\n');
}

/** The last line of a run. */
export function summary({ schedules, failed }: SimOutcome): string {
  const count = failed.reduce((sum, { violations }) => sum + violations.length, 0);
  const head = `sim: ${schedules} schedules, ${count} violations`;
  const [first] = failed;
  if (first === undefined) return head;
  return `${head}, first failing seed ${first.seed} (make sim SEEDS=1 FROM=${first.seed} TRACE=1)`;
}

const MAX_TOLD = 3;

async function main(env: NodeJS.ProcessEnv): Promise<number> {
  const count = Number(env['SEEDS'] || '1000');
  const from = Number(env['FROM'] || '1');
  const isTraced = env['TRACE'] === '1';
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(from) || from < 0) {
    process.stderr.write('SEEDS is how many schedules (at least 1), FROM the first seed\n');
    return 2;
  }
  const isScreen = process.stderr.isTTY;
  const startMs = performance.now();
  let bad = 0;
  const onResult = (result: ScheduleResult, done: number): void => {
    if (result.violations.length > 0) bad += 1;
    if (isTraced) process.stdout.write(result.lines.join('\n') + '\n');
    if (isScreen && done % 10 === 0) {
      const rate = (done / (performance.now() - startMs)) * 1_000;
      process.stderr.write(`\r${done} of ${count}, ${rate.toFixed(0)}/s, ${bad} failed `);
    }
  };
  const outcome = await simulate({ from, count, isTraced, onResult });
  if (isScreen) process.stderr.write('\r\x1b[K');
  if (!isTraced) {
    // The same seed gives the same run, this time with its trace.
    for (const { seed } of outcome.failed.slice(0, MAX_TOLD)) {
      const again = await simulate({ from: seed, count: 1, isTraced: true });
      process.stdout.write(`${again.failed.map(describeFailure).join('\n')}\n\n`);
    }
  }
  process.stdout.write(`${summary(outcome)}\n`);
  return outcome.failed.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.env);
