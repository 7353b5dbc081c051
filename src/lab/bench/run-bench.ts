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
import { benchChurn } from './churn.js';
import type { BenchPart } from './parts.js';

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
  /** How long changes keep coming. */
  readonly churnMs: number;
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
  churnMs: 60_000,
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
  churnMs: 10_000,
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
  /** Null = everything. */
  readonly only: BenchPart | null;
  readonly say: (line: string) => void;
}

/** Kamailio's own OPTIONS probing and nothing else. */
const PINGS_ONLY: readonly KamailioProbing[] = [
  { intervalS: 1, marksSilent: false },
  { intervalS: 10, marksSilent: false },
];

type Measure = (context: BenchContext) => Promise<readonly BenchRow[]>;

/** What is measured on one lab, in this order: what loads the machine for longest comes last. */
const ON_A_LAB: readonly (readonly [BenchPart, Measure])[] = [
  ['cold-start', benchColdStart],
  ['idle', benchIdle],
  ['kills', benchKills],
  ['drain', benchDrain],
  ['baseline', (context) => benchBaseline(context, context.size.baselineKills)],
  ['churn', benchChurn],
];

/**
 * Measures what DESIGN section 9 promises, and the same platform without Carna, in one run on fresh labs.
 * Everything is taken down again, also on failure or when the signal aborts.
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const startedAt = new Date().toISOString();
  const wanted = (part: BenchPart): boolean => options.only === null || options.only === part;
  const rows: BenchRow[] = wanted('plan') ? [...benchPlan(options.size.nodes)] : [];
  const measures = ON_A_LAB.filter(([part]) => wanted(part)).map(([, measure]) => measure);
  if (measures.length > 0) {
    rows.push(...(await onFreshLab(options, options.up.probing, inTurn(measures))));
  }
  for (const probing of wanted('baseline') ? PINGS_ONLY : []) {
    const { baselineKills, slowBaselineKills } = options.size;
    const rounds = probing.intervalS > 1 ? slowBaselineKills : baselineKills;
    rows.push(...(await onFreshLab(options, probing, (context) => benchBaseline(context, rounds))));
  }
  if (wanted('agents')) rows.push(...(await benchAgents(options)));
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

function inTurn(measures: readonly Measure[]): Measure {
  return async (context) => {
    const rows: BenchRow[] = [];
    for (const measure of measures) rows.push(...(await measure(context)));
    return rows;
  };
}

async function onFreshLab(
  options: BenchOptions,
  probing: KamailioProbing,
  measure: Measure,
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
