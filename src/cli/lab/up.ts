import { findFreeswitch } from '../../lab/freeswitch.js';
import { textProgress } from '../../lab/progress.js';
import type { MediaServer } from '../../lab/state.js';
import { DEFAULT_PROBING, defaultRunDir, readLab } from '../../lab/state.js';
import { tearDown } from '../../lab/teardown.js';
import type { UpOptions } from '../../lab/up.js';
import { labUp } from '../../lab/up.js';
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
}

/** `carna lab up`. */
export async function upCommand(context: Context, options: UpCliOptions): Promise<void> {
  await untilInterrupted(context.proc, async (signal) => {
    const result = await labUp({ ...labOptions(context, signal), ...fromCli(options, context) });
    if (result.kind === 'already-up') {
      const { dead, state } = result;
      context.print(`the lab is up in ${state.runDir}`);
      if (dead.length > 0) {
        context.print(
          `not running: ${dead.join(', ')}. To begin anew: carna lab down && carna lab up`,
        );
        context.exitCode = EXIT.no;
      }
      return;
    }
    const { state, tookMs } = result;
    const count = Object.keys(state.processes).length + state.plan.nodes.length;
    context.print(
      `up: ${count} processes in ${(tookMs / 1_000).toFixed(1)} s, media by ${mediaText(state.media)}`,
      `calls go to ${state.plan.nodes.find((node) => node.role === 'load-balancer')?.sip.host ?? ''}:5060; look: carna topology, carna lab status`,
    );
  });
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
