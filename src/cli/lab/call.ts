import { join } from 'node:path';
import { startCalls } from '../../lab/calls/calls.js';
import type { CallProgress } from '../../lab/calls/report.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { LabError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { callText } from './call-text.js';
import type { UserCallCliOptions } from './user-call.js';
import { checkModes, registerCommand, userCallCommand } from './user-call.js';

export interface CallCliOptions extends UserCallCliOptions {
  readonly register?: number;
  readonly expires: number;
  readonly keep?: true;
}

const DEFAULT_RATE = 50;
const DEFAULT_CALLS = 500;

/** `carna lab call`: exit code 1 when a call failed. Ctrl-C makes no new call and lets the present ones end. */
export async function callCommand(context: Context, options: CallCliOptions): Promise<void> {
  checkModes(options);
  const { register } = options;
  if (register !== undefined) await registerCommand(context, { ...options, register });
  else if (options.users === true || options.out !== undefined) {
    await userCallCommand(context, options, (p, calls) => showProgress(context, options, p, calls));
  } else await loadCommand(context, options);
}

async function loadCommand(context: Context, options: CallCliOptions): Promise<void> {
  const { rate = DEFAULT_RATE, calls = DEFAULT_CALLS } = options;
  const state = requireLab(defaultRunDir(context.proc.env));
  const entry = state.plan.nodes.find((node) => node.role === 'load-balancer');
  if (entry === undefined) throw new LabError('the lab has no load-balancer');
  const report = await untilInterrupted(
    context.proc,
    (signal) =>
      startCalls({
        target: entry.sip,
        localHost: state.plan.caller,
        rate,
        amount: { calls },
        callMs: options.length,
        runDir: join(state.runDir, 'calls', String(Date.now())),
        env: context.proc.env,
        signal,
        onProgress: (p) => showProgress(context, options, p, calls),
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

function showProgress(
  context: Context,
  options: CallCliOptions,
  { sent, current, completed, failed }: CallProgress,
  calls: number,
): void {
  if (!context.isTty || options.json === true) return;
  context.proc.stdout.write(
    `\r\u001b[2K  ${sent}/${calls} calls   ${current} up   ${completed} completed   ${failed} failed`,
  );
}
