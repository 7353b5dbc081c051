import { join } from 'node:path';
import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { CallReport } from '../calls/report.js';
import { startCalls } from '../calls/calls.js';
import type { Incident } from '../incident.js';
import { healedAfterMs, killAndWatch } from '../incident.js';
import type { Kill, Losses } from '../losses.js';
import { judgeLosses } from '../losses.js';
import type { LabNode } from '../plan.js';
import type { Platform } from '../platform.js';
import { readRouted } from '../routed.js';
import type { LabState } from '../state.js';

export interface RoundsOptions {
  readonly rounds: number;
  readonly callsPerSecond: number;
  readonly callMs: { readonly min: number; readonly max: number };
  /** Folder for the caller's files, below the run directory. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly random: () => number;
  readonly onRound: (done: number, incident: Incident) => void;
  /** Runs right before each kill and right after it was noticed (the baseline holds the agent back). */
  readonly before?: (node: LabNode) => void;
  readonly whenOff?: (node: LabNode) => void;
  readonly signal: AbortSignal;
}

export interface RoundsResult {
  readonly incidents: readonly Incident[];
  readonly healedMs: readonly number[];
  readonly losses: Losses;
  readonly report: CallReport;
}

/** Between two kills the platform is whole for at least this long; a random part keeps them off any rhythm. */
const PAUSE_MS = { min: 300, spread: 700 };
/** More than any run lasts; the calls are ended when the last round is over. */
const CALL_SECONDS = 1_500;

/** Kills one media server after the other under a steady load of calls, each when the last is back. */
export async function runKillRounds(
  state: LabState,
  platform: Platform,
  options: RoundsOptions,
): Promise<RoundsResult> {
  const media = state.plan.nodes.filter((node) => node.role === 'media');
  const entry = state.plan.nodes.find((node) => node.role === 'load-balancer');
  if (entry === undefined || media.length < 2) throw new RangeError('needs two media nodes');
  const calls = startCalls({
    target: entry.sip,
    localHost: state.plan.caller,
    rate: options.callsPerSecond,
    amount: { seconds: CALL_SECONDS },
    callMs: options.callMs,
    runDir: join(state.runDir, options.name),
    env: options.env,
    signal: options.signal,
  });
  const incidents: Incident[] = [];
  try {
    for (let round = 0; round < options.rounds && !options.signal.aborted; round++) {
      await wait(PAUSE_MS.min + PAUSE_MS.spread * options.random(), options.signal);
      const node = media[round % media.length];
      if (node === undefined || options.signal.aborted) break;
      options.before?.(node);
      const incident = await killAndWatch(state, platform, node, options.signal, () =>
        options.whenOff?.(node),
      );
      incidents.push(incident);
      options.onRound(incidents.length, incident);
    }
  } finally {
    calls.stop();
  }
  const report = await calls.result;
  if (options.signal.aborted) throw new LabError('interrupted');
  return {
    incidents,
    healedMs: incidents.map(healedAfterMs),
    losses: judgeLosses(report, incidents.map(killOf), readRouted(state)),
    report,
  };
}

function killOf(incident: Incident): Kill {
  const { host, port } = incident.node.sip;
  return { node: `${host}:${port}`, atMs: incident.killedAtMs };
}
