import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kamailioBinary } from '../../lab/parts/kamailio.js';
import type { Part } from '../../lab/parts/versions.js';
import { readParts } from '../../lab/parts/versions.js';
import { sippBinary } from '../../lab/calls/calls.js';
import { DEFAULT_SIZE } from '../../lab/plan.js';
import type { Platform } from '../../lab/platform.js';
import { openPlatform } from '../../lab/platform.js';
import type { LabState } from '../../lab/state.js';
import { DEFAULT_PROBING, removeRunDir } from '../../lab/state.js';
import { tearDown } from '../../lab/teardown.js';
import { labUp } from '../../lab/up.js';
import { LabError, MissingPartError } from '../../util/errors.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilInterrupted } from '../process-like.js';
import { runWith } from '../program.js';
import { demoDrain, demoKill, demoScale } from './demo-acts.js';
import type { DemoStage } from './demo-stage.js';
import { labLogger } from './logger.js';
import { chooseMedia, labOptions, mediaText } from './up.js';

const STEPS = 8;
/** Away from the addresses of `carna lab up`, so that both can run. */
const DEMO_NET = '127.8';

/** `carna lab demo`: exit code 0 only if every step did what it says. Ctrl-C takes everything down. */
export async function demoCommand(context: Context): Promise<void> {
  let step = 0;
  const title = (name: string, text: string): void => {
    step++;
    context.print(context.paint.bold(`[${step}/${STEPS}] ${name.padEnd(10)} ${text}`));
  };
  const media = chooseMedia(context, false);
  const parts = await readParts(context.proc.env, {
    kamailio: () => kamailioBinary(context.proc.env),
    sipp: () => sippBinary(context.proc.env),
  });
  title('parts', `${partsText(parts)}  media: ${mediaText(media)}`);
  failOnMissing(parts);
  const runDir = mkdtempSync(join(tmpdir(), 'carna-demo-'));
  let lab: LabState | null = null;
  try {
    await untilInterrupted(context.proc, async (signal) => {
      title('up', 'ZooKeeper, PostgreSQL, five roles of two nodes (media: three), 2 reconcilers');
      const options = { ...labOptions(context, signal), runDir, media, probing: DEFAULT_PROBING };
      const up = await labUp({ ...options, size: DEFAULT_SIZE, net: DEMO_NET });
      lab = up.state;
      const count = Object.keys(lab.processes).length + lab.plan.nodes.length;
      const seconds = up.kind === 'started' ? up.tookMs / 1_000 : 0;
      context.print(`           ${count} processes in ${seconds.toFixed(1)} s`);
      lab = await play(context, lab, title, signal);
    });
  } finally {
    if (lab !== null) {
      title('down', await takeDown(lab));
    } else {
      removeRunDir(runDir);
    }
  }
  context.print('', context.paint.good('every step did what it says'));
  context.exitCode = EXIT.done;
}

async function play(
  context: Context,
  lab: LabState,
  title: (name: string, text: string) => void,
  signal: AbortSignal,
): Promise<LabState> {
  let platform: Platform = openPlatform(lab, labLogger(context.proc.env));
  const stage = (state: LabState): DemoStage => ({
    context,
    lab: state,
    platform,
    title,
    signal,
    carna: (...args) => carna(context, state.runDir, args),
  });
  try {
    await platform.view.whenFresh(10_000);
    title('topology', 'as operators see it: carna topology');
    await carna(context, lab.runDir, ['topology']);
    await demoKill(stage(lab));
    const grown = await demoScale(stage(lab));
    await platform.close();
    platform = openPlatform(grown, labLogger(context.proc.env));
    await platform.view.whenFresh(10_000);
    await demoDrain(stage(grown));
    return grown;
  } finally {
    await platform.close();
  }
}

/** Runs one of the operators' own commands on the demo's lab; its output is part of the story. */
async function carna(context: Context, runDir: string, args: readonly string[]): Promise<void> {
  const env = { ...context.proc.env, CARNA_LAB: runDir, CARNA_ZOOKEEPER: '' };
  const proc = { ...pick(context.proc), env };
  const { createContext } = await import('../context.js');
  const own = createContext(proc, context.ports, context.clock, context.wait);
  const code = await runWith(args, own);
  if (code !== EXIT.done)
    throw new LabError(`carna ${args.join(' ')} ended with exit code ${code}`);
}

/** A spread of the real process would lose its methods. */
function pick(proc: Context['proc']): Context['proc'] {
  return {
    env: proc.env,
    stdin: proc.stdin,
    stdout: proc.stdout,
    stderr: proc.stderr,
    on: (event, listener) => proc.on(event, listener),
    off: (event, listener) => proc.off(event, listener),
  };
}

async function takeDown(lab: LabState): Promise<string> {
  const left = await tearDown(lab);
  return left.length === 0 ? 'nothing left behind' : `${left.length} processes had to be killed`;
}

function partsText(parts: readonly Part[]): string {
  return parts.map((part) => `${part.name} ${part.version ?? '✘ missing'}`).join('  ');
}

function failOnMissing(parts: readonly Part[]): void {
  const missing = parts.flatMap((part) => part.missing ?? []);
  if (missing.length > 0) throw new MissingPartError(missing.join('\n'), 'make packages');
}
