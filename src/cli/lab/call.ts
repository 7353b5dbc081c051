import { join } from 'node:path';
import { startCalls } from '../../lab/calls/calls.js';
import type { CallReport } from '../../lab/calls/report.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { LabError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';

export interface CallCliOptions {
  readonly rate: number;
  readonly calls: number;
  readonly length: number;
  readonly json?: true;
}

/** `carna lab call`: exit code 1 when a call failed. Ctrl-C makes no new call and lets the present ones end. */
export async function callCommand(context: Context, options: CallCliOptions): Promise<void> {
  const state = requireLab(defaultRunDir(context.proc.env));
  const entry = state.plan.nodes.find((node) => node.role === 'load-balancer');
  if (entry === undefined) throw new LabError('the lab has no load-balancer');
  const report = await untilInterrupted(
    context.proc,
    (signal) =>
      startCalls({
        target: entry.sip,
        localHost: state.plan.caller,
        rate: options.rate,
        amount: { calls: options.calls },
        callMs: options.length,
        runDir: join(state.runDir, 'calls', String(Date.now())),
        env: context.proc.env,
        signal,
        onProgress: (p) => {
          if (!context.isTty || options.json === true) return;
          context.proc.stdout.write(
            `\r\u001b[2K  ${p.sent}/${options.calls} calls   ${p.current} up   ${p.completed} completed   ${p.failed} failed`,
          );
        },
      }).result,
  );
  if (context.isTty && options.json !== true) context.proc.stdout.write('\r\u001b[2K');
  if (options.json === true) {
    context.print(JSON.stringify({ ...report, calls: undefined }));
  } else {
    context.print(...callText(report));
  }
  context.exitCode = report.completed === report.sent ? EXIT.done : EXIT.no;
}

/** The report for people: the verdict first. */
export function callText(report: CallReport): string[] {
  const failed = report.sent - report.completed;
  const { pdd } = report;
  return [
    `${report.sent} calls: ${report.completed} completed, ${failed} failed`,
    ...(pdd === null
      ? []
      : [
          `answered after ${pdd.medianMs.toFixed(0)} ms median, ${pdd.p90Ms.toFixed(0)} p90, ${pdd.p99Ms.toFixed(0)} p99, ${pdd.maxMs.toFixed(0)} max`,
        ]),
    ...report.nodes.map((node) => `  ${node.node}   ${node.answered} calls, ${node.failed} failed`),
    ...report.failed
      .slice(0, MAX_SHOWN)
      .map(
        (call) => `  ${call.callId}   ${call.why}${call.node === null ? '' : ` (on ${call.node})`}`,
      ),
    ...(report.failed.length > MAX_SHOWN
      ? [`  … and ${report.failed.length - MAX_SHOWN} more`]
      : []),
  ];
}

const MAX_SHOWN = 10;
