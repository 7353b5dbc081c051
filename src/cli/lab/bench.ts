import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchPart } from '../../lab/bench/parts.js';
import { renderReport } from '../../lab/bench/report.js';
import { FULL_SIZE, QUICK_SIZE, runBench } from '../../lab/bench/run-bench.js';
import { sippBinary } from '../../lab/calls/calls.js';
import { kamailioBinary } from '../../lab/parts/kamailio.js';
import { readParts } from '../../lab/parts/versions.js';
import type { LabSize } from '../../lab/plan.js';
import { DEFAULT_SIZE, MAX_NODES_PER_ROLE } from '../../lab/plan.js';
import { DEFAULT_PROBING, removeRunDir } from '../../lab/state.js';
import { InvalidInputError, MissingPartError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { chooseMedia, labOptions } from './up.js';

export interface BenchCliOptions {
  readonly kills: number;
  readonly agents: number;
  readonly jsonFile?: string;
  readonly quick?: true;
  readonly only?: BenchPart;
}

/** Away from the addresses of `carna lab up` and of the demo. */
const BENCH_NET = '127.9';
/** Only what the benchmark's calls go through, so that figures of all releases are of the same lab. */
const BENCH_LAB: LabSize = { ...DEFAULT_SIZE, loadBalancers: 1, registrars: 0, outbounds: 0 };

/** `carna lab bench`: exit code 1 when a budget was missed. */
export async function benchCommand(context: Context, options: BenchCliOptions): Promise<void> {
  const { env } = context.proc;
  if (options.agents > MAX_NODES_PER_ROLE) {
    throw new InvalidInputError('--agents', `a lab runs at most ${MAX_NODES_PER_ROLE} media nodes`);
  }
  const parts = await readParts(env, {
    kamailio: () => kamailioBinary(env),
    sipp: () => sippBinary(env),
  });
  const missing = parts.flatMap((part) => part.missing ?? []);
  if (missing.length > 0) throw new MissingPartError(missing.join('\n'), 'make packages');
  const runDir = mkdtempSync(join(tmpdir(), 'carna-bench-'));
  const { kills, agents } = options;
  const size = options.quick === true ? QUICK_SIZE : { ...FULL_SIZE, kills, agents };
  try {
    const report = await untilInterrupted(context.proc, (signal) =>
      runBench({
        size,
        only: options.only ?? null,
        up: {
          ...labOptions(context, signal),
          progress: () => ({
            begin: () => undefined,
            ready: () => undefined,
            end: () => undefined,
          }),
          runDir,
          size: BENCH_LAB,
          net: BENCH_NET,
          probing: DEFAULT_PROBING,
          media: chooseMedia(context, false),
        },
        parts: Object.fromEntries(parts.map((part) => [part.name, part.version ?? ''])),
        say: sayer(context),
      }),
    );
    if (context.isTty) context.proc.stdout.write('\r\u001b[2K');
    context.print(renderReport(report));
    if (options.jsonFile !== undefined) {
      writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
      context.print(`also written to ${options.jsonFile}`);
    }
    const isOver = report.rows.some((row) => row.isWithin === false);
    context.exitCode = isOver ? EXIT.no : EXIT.done;
  } finally {
    removeRunDir(runDir);
  }
}

/** On a terminal each line replaces the last; in a pipe only a new activity is worth a line. */
function sayer(context: Context): (line: string) => void {
  let activity = '';
  return (line) => {
    if (context.isTty) {
      context.proc.stdout.write(`\r\u001b[2K  ${line.slice(0, context.width() - 3)}`);
      return;
    }
    const now = line.replace(/:? \d+\/\d+$/, '');
    if (now !== activity) context.print(`  ${now}`);
    activity = now;
  };
}
