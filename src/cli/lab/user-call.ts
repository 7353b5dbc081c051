import type { CallProgress } from '../../lab/calls/report.js';
import { openPhones, registerAll } from '../../lab/phones/phone-bank.js';
import type { UserLoadReport } from '../../lab/phones/user-load.js';
import { makeUsers, startUserLoad } from '../../lab/phones/user-load.js';
import { defaultRunDir, requireLab } from '../../lab/state.js';
import { LAB_TRUNKS } from '../../lab/users.js';
import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { callText } from './call-text.js';
import { labLogger } from './logger.js';

export interface UserCallCliOptions {
  readonly rate?: number;
  readonly calls?: number;
  readonly length: number;
  readonly users?: true;
  readonly phones: number;
  readonly reinvite?: true;
  readonly hold?: true;
  readonly bye: 'caller' | 'callee';
  readonly transfer?: true;
  readonly out?: string;
  readonly refuse?: number;
  readonly json?: true;
}

/** Calm beside the load of `carna lab call`: each of these calls is five SIP servers' work. */
const DEFAULT_RATE = 10;
const DEFAULT_CALLS = 100;

/** `carna lab call --users` and `--out`: exit code 1 when a call failed or a side was left in one. */
export async function userCallCommand(
  context: Context,
  options: UserCallCliOptions,
  onProgress: (progress: CallProgress, calls: number) => void,
): Promise<void> {
  const lab = requireLab(defaultRunDir(context.proc.env));
  const { rate = DEFAULT_RATE, calls = DEFAULT_CALLS, out, refuse } = options;
  const statuses = Array.from({ length: LAB_TRUNKS }, (_, n) => (n === 0 ? (refuse ?? 200) : 200));
  const ended = await untilInterrupted(context.proc, async (signal) => {
    const load = await startUserLoad({
      lab,
      phones: options.phones,
      rate,
      calls,
      script: {
        talkMs: options.length,
        reinvite: options.reinvite === true,
        hold: options.hold === true,
        hangUp: options.bye,
      },
      transfer: options.transfer === true,
      out: out === undefined ? null : { number: out, statuses },
      registerEveryMs: null,
      log: labLogger(context.proc.env),
      signal,
      onProgress: (progress) => onProgress(progress, calls),
    });
    return load.result;
  });
  if (context.isTty && options.json !== true) context.proc.stdout.write('\r\u001b[2K');
  const { report, ...sides } = ended;
  if (options.json === true) {
    context.print(JSON.stringify({ ...report, ...sides, calls: undefined }));
  } else {
    context.print(...callText(report), ...sidesText(ended));
  }
  context.exitCode = isWhole(ended) ? EXIT.done : EXIT.no;
}

/** Every call went well for both sides. Pure. */
export function isWhole({ report, legsLeft, calledFaults }: UserLoadReport): boolean {
  const isCompleted = report.sent > 0 && report.completed === report.sent;
  return isCompleted && legsLeft === 0 && calledFaults.length === 0;
}

function sidesText({ legsLeft, calledFaults, trunkCalls }: UserLoadReport): string[] {
  return [
    ...(legsLeft === 0 ? [] : [`  ${legsLeft} called sides were left in a call`]),
    ...[...new Set(calledFaults)].map((fault) => `  ${fault}`),
    ...trunkCalls.map((count, n) => `  trunk ${n + 1}   ${count} INVITEs`),
  ];
}

export interface RegisterCliOptions {
  readonly register: number;
  readonly expires: number;
  readonly keep?: true;
  readonly json?: true;
}

/** How long a phone that is kept rings before it answers. */
const RING_MS = 500;
const REFRESH_SHARE = 0.5;

/** `carna lab call --register N`: the contacts stay until they expire, or with --keep until Ctrl-C. */
export async function registerCommand(
  context: Context,
  options: RegisterCliOptions,
): Promise<void> {
  const lab = requireLab(defaultRunDir(context.proc.env));
  const { register: count, expires } = options;
  await makeUsers(lab, count, labLogger(context.proc.env));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const bank = await openPhones(lab.plan, lab.secrets.userPassword, numbers);
  const phones = numbers.map((n) => bank.phone(n));
  try {
    const startMs = performance.now();
    await registerAll(phones, expires, (done) => {
      if (context.isTty && options.json !== true) {
        context.proc.stdout.write(`\r\u001b[2K  ${done}/${count} registered`);
      }
    });
    const tookMs = Math.round(performance.now() - startMs);
    if (context.isTty && options.json !== true) context.proc.stdout.write('\r\u001b[2K');
    context.print(
      options.json === true
        ? JSON.stringify({ registered: count, tookMs, expiresS: expires })
        : `${count} phones registered in ${(tookMs / 1_000).toFixed(1)} s, for ${expires} s`,
    );
    if (options.keep !== true) return;
    for (const phone of phones) phone.answer({ ringMs: RING_MS, status: 200 });
    if (options.json !== true) context.print('they answer calls until Ctrl-C');
    await untilInterrupted(context.proc, async (signal) => {
      while (!signal.aborted) {
        await wait(expires * REFRESH_SHARE * 1_000, signal);
        if (!signal.aborted) await registerAll(phones, expires);
      }
    });
    await registerAll(phones, 0);
  } finally {
    await bank.close();
  }
}

/** Refuses options that mean nothing together. Throws LabError. */
export function checkModes(options: UserCallCliOptions): void {
  if (options.refuse !== undefined && options.out === undefined) {
    throw new LabError('--refuse is about trunks: it needs --out');
  }
  if (options.out !== undefined && options.transfer === true) {
    throw new LabError('--transfer sends phones on: it needs --users');
  }
}
