import type { DrillName } from '../../lab/drill.js';
import { DRILLS, runDrill } from '../../lab/drill.js';
import { openPlatform } from '../../lab/platform.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { UsageError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { labLogger } from './logger.js';

/** `carna lab drill NAME`: exit code 1 when something did not hold. */
export async function drillCommand(
  context: Context,
  wanted: string,
  options: { readonly for: number; readonly rate: number },
): Promise<void> {
  const name = DRILLS.find((known): known is DrillName => known === wanted);
  if (name === undefined) throw new UsageError(`expected ${DRILLS.join(', ')}, found ${wanted}`);
  const lab = requireLab(defaultRunDir(context.proc.env));
  const platform = openPlatform(lab, labLogger(context.proc.env));
  try {
    await platform.view.whenFresh(10_000);
    const findings = await untilInterrupted(context.proc, (signal) =>
      runDrill(name, lab, platform, {
        awayMs: options.for * 1_000,
        callsPerSecond: options.rate,
        env: context.proc.env,
        signal,
        say: (line) => context.print(`  ${line}`),
      }),
    );
    const isGood = findings.every((finding) => finding.isGood);
    context.print(`${isGood ? 'passed' : 'FAILED'}: ${name}`);
    context.print(...findings.map((f) => `  ${f.isGood ? '✔' : '✘'} ${f.what}: ${f.seen}`));
    context.exitCode = isGood ? EXIT.done : EXIT.no;
  } finally {
    await platform.close();
  }
}
