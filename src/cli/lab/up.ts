import { findFreeswitch } from '../../lab/freeswitch.js';
import { textProgress } from '../../lab/progress.js';
import type { MediaServer } from '../../lab/state.js';
import { DEFAULT_PROBING, defaultRunDir, readLab } from '../../lab/state.js';
import { tearDown } from '../../lab/teardown.js';
import type { UpOptions, UpResult } from '../../lab/up.js';
import { labsUp } from '../../lab/labs-up.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { labLogger } from './logger.js';

export interface UpCliOptions {
  readonly loadBalancers: number;
  readonly dispatchers: number;
  readonly media: number;
  readonly registrars: number;
  readonly outbounds: number;
  readonly reconcilers: number;
  readonly zookeepers: number;
  readonly net: string;
  readonly pingInterval: number;
  readonly standIn?: true;
  readonly dc: number;
}

/** `carna lab up`. */
export async function upCommand(context: Context, options: UpCliOptions): Promise<void> {
  await untilInterrupted(context.proc, async (signal) => {
    const what = { ...labOptions(context, signal), ...fromCli(options, context) };
    for (const result of await labsUp(what, options.dc)) tellUp(context, result);
  });
}

function tellUp(context: Context, result: UpResult): void {
  const { runDir, plan, processes, media } = result.state;
  if (result.kind === 'already-up') {
    const { dead } = result;
    context.print(`the lab is up in ${runDir}`);
    if (dead.length > 0) {
      context.print(
        `not running: ${dead.join(', ')}. To begin anew: carna lab down && carna lab up`,
      );
      context.exitCode = EXIT.no;
    }
    return;
  }
  const { dc, prefix, remotes } = plan.site;
  const count = Object.keys(processes).length + plan.nodes.length;
  const where = remotes.length === 0 ? '' : `${dc} `;
  const look = prefix === '' ? 'carna topology' : `CARNA_DC=${dc} carna topology`;
  context.print(
    `${where}up: ${count} processes in ${(result.tookMs / 1_000).toFixed(1)} s, media by ${mediaText(media)}`,
    `calls go to ${plan.nodes.find((node) => node.role === 'load-balancer')?.sip.host ?? ''}:5060; look: ${look}, carna lab status`,
  );
}

/** `carna lab down`. */
export async function downCommand(context: Context): Promise<void> {
  const runDir = defaultRunDir(context.proc.env);
  const state = readLab(runDir);
  if (state === null) {
    context.print(`no lab is up in ${runDir}`);
    return;
  }
  const left = await tearDown(state);
  context.print(
    left.length === 0
      ? 'down: nothing left behind'
      : `down: ${left.length} processes had to be killed by their mark: ${left.map((p) => p.pid).join(', ')}`,
  );
}

/** What every bring-up of the command line shares. */
export function labOptions(
  context: Context,
  signal: AbortSignal,
): Pick<UpOptions, 'runDir' | 'env' | 'progress' | 'signal' | 'log'> {
  const target = {
    write: (text: string) => void context.proc.stdout.write(text),
    isTTY: context.isTty,
    columns: Math.min(context.width(), 200),
  };
  return {
    runDir: defaultRunDir(context.proc.env),
    env: context.proc.env,
    progress: (total) => textProgress(target, total),
    signal,
    log: labLogger(context.proc.env),
  };
}

/** The real FreeSWITCH where there is one, unless the stand-in is asked for. */
export function chooseMedia(context: Context, standIn: boolean): MediaServer {
  const found = standIn ? null : findFreeswitch(context.proc.env);
  return found === null ? { kind: 'stand-in' } : { kind: 'freeswitch', found };
}

/** For people: which of the two runs. */
export function mediaText(media: MediaServer): string {
  return media.kind === 'freeswitch'
    ? `FreeSWITCH (${media.found.binary})`
    : 'a stand-in that plays FreeSWITCH’s part';
}

function fromCli(
  options: UpCliOptions,
  context: Context,
): Pick<UpOptions, 'size' | 'net' | 'probing' | 'media'> {
  const { loadBalancers, dispatchers, media, registrars, outbounds, reconcilers } = options;
  const { zookeepers } = options;
  return {
    size: { loadBalancers, dispatchers, media, registrars, outbounds, reconcilers, zookeepers },
    net: options.net,
    probing: { ...DEFAULT_PROBING, intervalS: options.pingInterval },
    media: chooseMedia(context, options.standIn === true),
  };
}
