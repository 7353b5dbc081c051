import { cpus } from 'node:os';
import type { Logger } from 'pino';
import { openPlatform } from '../platform.js';
import type { Platform } from '../platform.js';
import type { KamailioProbing, LabState } from '../state.js';
import { tearDown } from '../teardown.js';
import type { UpOptions } from '../up.js';
import { labUp } from '../up.js';
import { benchBaseline } from './baseline.js';
import { benchDrain } from './drain-rounds.js';
import { benchAgents } from './idle-agents.js';
import { benchIdle } from './idle.js';
import { benchKills } from './kill-rows.js';
import { benchPlan } from './plan-cpu.js';
import type { BenchReport, BenchRow } from './report.js';
import { benchColdStart } from './cold-start.js';

/** How much is measured; `--quick` takes little of each. */
export interface BenchSize {
  readonly kills: number;
  readonly drains: number;
  readonly baselineKills: number;
  readonly slowBaselineKills: number;
  readonly nodes: number;
  readonly idleMs: number;
  /** Agents on this machine that have nothing to do, and how long they are watched. */
  readonly agents: number;
  readonly agentsMs: number;
}

export const FULL_SIZE: BenchSize = {
  kills: 50,
  drains: 30,
  baselineKills: 15,
  slowBaselineKills: 5,
  nodes: 10_000,
  idleMs: 20_000,
  agents: 50,
  agentsMs: 60_000,
};

export const QUICK_SIZE: BenchSize = {
  kills: 5,
  drains: 3,
  baselineKills: 2,
  slowBaselineKills: 1,
  nodes: 1_000,
  idleMs: 3_000,
  agents: 5,
  agentsMs: 10_000,
};

/** What every phase works with. */
export interface BenchContext {
  readonly lab: LabState;
  readonly platform: Platform;
  readonly size: BenchSize;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Tells what goes on; a later line may replace it on a terminal. */
  readonly say: (line: string) => void;
}

export interface BenchOptions {
  readonly size: BenchSize;
  readonly up: UpOptions;
  readonly parts: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

/** Kamailio's own OPTIONS probing and nothing else. */
const PINGS_ONLY: readonly KamailioProbing[] = [
  { intervalS: 1, marksSilent: false },
  { intervalS: 10, marksSilent: false },
];

/**
 * Measures what DESIGN section 9 promises, and the same platform without Carna, in one run on fresh labs.
 * Everything is taken down again, also on failure or when the signal aborts.
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const startedAt = new Date().toISOString();
  const rows: BenchRow[] = [...benchPlan(options.size.nodes)];
  rows.push(
    ...(await onFreshLab(options, options.up.probing, async (context) => [
      ...(await benchColdStart(context)),
      ...(await benchIdle(context)),
      ...(await benchKills(context)),
      ...(await benchDrain(context)),
      ...(await benchBaseline(context, options.size.baselineKills)),
    ])),
  );
  for (const probing of PINGS_ONLY) {
    const { baselineKills, slowBaselineKills } = options.size;
    const rounds = probing.intervalS > 1 ? slowBaselineKills : baselineKills;
    rows.push(...(await onFreshLab(options, probing, (context) => benchBaseline(context, rounds))));
  }
  rows.push(...(await benchAgents(options)));
  return {
    schema: 1,
    startedAt,
    machine: {
      cpus: cpus().length,
      node: process.version,
      media: options.up.media.kind,
    },
    parts: options.parts,
    rows,
  };
}

async function onFreshLab(
  options: BenchOptions,
  probing: KamailioProbing,
  measure: (context: BenchContext) => Promise<readonly BenchRow[]>,
): Promise<readonly BenchRow[]> {
  options.say(`bringing a lab up, Kamailio's own pings every ${probing.intervalS} s`);
  const { state: lab } = await labUp({ ...options.up, probing });
  try {
    const { log, env, signal } = options.up;
    const platform = openPlatform(lab, log);
    try {
      await platform.view.whenFresh(10_000);
      return await measure({
        lab,
        platform,
        size: options.size,
        env,
        signal,
        log,
        say: options.say,
      });
    } finally {
      await platform.close();
    }
  } finally {
    await tearDown(lab);
  }
}
