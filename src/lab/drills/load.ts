import { join } from 'node:path';
import type { Logger } from 'pino';
import { LabError } from '../../util/errors.js';
import type { CallOptions } from '../calls/calls.js';
import { startCalls } from '../calls/calls.js';
import type { CallReport } from '../calls/report.js';
import { startUserLoad } from '../phones/user-load.js';
import type { LabState } from '../state.js';
import type { DrillName } from './names.js';
import type { DrillOptions, Finding } from './stage.js';

/** Who calls while a drill is played: the load of a trunk, or users whose phones are called by others. */
export type LoadKind = 'trunk' | 'users';

/** Calls under way. */
export interface Load {
  /** No new call from now on; the present ones go on to their end. */
  stop(): void;
  readonly result: Promise<LoadResult>;
}

export interface LoadResult {
  readonly report: CallReport;
  /** What else the load itself has seen, besides its calls. */
  readonly findings: readonly Finding[];
}

/** More than any drill lasts; the calls are ended with it. */
const CALL_SECONDS = 1_800;
/** Called phones; as many call. */
const PHONES = 10;
/** How often each called phone registers again: a fault of a second meets some. */
const REGISTER_EVERY_MS = 2_000;

/** Puts calls on the lab, through its first load-balancer or, of users, through all of them. */
export async function startLoad(
  kind: LoadKind,
  name: DrillName,
  lab: LabState,
  callMs: CallOptions['callMs'],
  options: DrillOptions,
  log: Logger,
): Promise<Load> {
  return kind === 'users'
    ? userLoad(lab, callMs, options, log)
    : trunkLoad(name, lab, callMs, options);
}

function trunkLoad(
  name: DrillName,
  lab: LabState,
  callMs: CallOptions['callMs'],
  options: DrillOptions,
): Load {
  const entry = lab.plan.nodes.find((node) => node.role === 'load-balancer');
  if (entry === undefined) throw new LabError('the lab has no load-balancer');
  const run = startCalls({
    target: entry.sip,
    localHost: lab.plan.caller,
    rate: options.callsPerSecond,
    amount: { seconds: CALL_SECONDS },
    callMs,
    runDir: join(lab.runDir, 'drills', `${name}-${Date.now()}`),
    // Ended once, by runDrill: asked twice, the caller would drop its calls instead of ending them.
    env: options.env,
  });
  return {
    stop: () => run.stop(),
    result: run.result.then((report) => ({ report, findings: [] })),
  };
}

async function userLoad(
  lab: LabState,
  callMs: CallOptions['callMs'],
  options: DrillOptions,
  log: Logger,
): Promise<Load> {
  const talkMs = typeof callMs === 'number' ? callMs : (callMs.min + callMs.max) / 2;
  const run = await startUserLoad({
    lab,
    phones: PHONES,
    rate: options.callsPerSecond,
    calls: Math.round(CALL_SECONDS * options.callsPerSecond),
    script: { talkMs, reinvite: true, hold: false, hangUp: 'caller' },
    transfer: false,
    out: null,
    registerEveryMs: REGISTER_EVERY_MS,
    log,
  });
  return {
    stop: () => run.stop(),
    result: run.result.then(({ report, registerFaults, registrations }) => ({
      report,
      findings: [registered(registrations, registerFaults)],
    })),
  };
}

function registered(count: number, faults: readonly string[]): Finding {
  return {
    what: 'every phone could register again all the while',
    isGood: count > 0 && faults.length === 0,
    seen: `${count} registrations${faults.length === 0 ? '' : `, ${faults.length} failed: ${[...new Set(faults)].slice(0, 5).join('; ')}`}`,
  };
}
