import { spawn } from 'node:child_process';
import { LabError } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import { addNode } from '../grow.js';
import { openPlatform } from '../platform.js';
import type { Platform } from '../platform.js';
import { firstZookeeper } from '../plan.js';
import type { LabState } from '../state.js';
import { tearDown } from '../teardown.js';
import { labUp } from '../up.js';
import type { ProcessFigures } from './process-figures.js';
import { readFigures } from './process-figures.js';
import type { BenchRow } from './report.js';
import type { BenchOptions } from './run-bench.js';
import { summarise } from './stats.js';
import { askZookeeper, lastZxid } from './zookeeper-figures.js';

const BUDGET_MB = 80;
const BUDGET_CPU_PERCENT = 1;
const MB = 1_000_000;

/** Nodes that start at once: each is two processes that load for a second. */
const BATCH = 5;
const BATCH_LIMIT_MS = 60_000;
const FRESH_LIMIT_MS = 10_000;
/** From the last node's being proven until its start is over: V8 goes on compiling what has become hot. */
const SETTLE_MS = 15_000;
/** Until a process that does nothing has reached its size. */
const BARE_NODE_MS = 1_000;

/**
 * Many agents on one machine while nothing happens: memory and processor time of each, and what they
 * write to ZooKeeper. In a lab of its own; beside them are stand-ins, because only the agents are measured.
 */
export async function benchAgents(options: BenchOptions): Promise<readonly BenchRow[]> {
  const { size, up, say } = options;
  say(`bringing ${size.agents} media nodes up`);
  const { state } = await labUp({
    ...up,
    size: {
      loadBalancers: 0,
      dispatchers: 1,
      media: 1,
      registrars: 0,
      outbounds: 0,
      reconcilers: 1,
      zookeepers: 1,
    },
    media: { kind: 'stand-in' },
  });
  const lab = { state };
  try {
    const platform = openPlatform(state, up.log);
    try {
      await platform.view.whenFresh(FRESH_LIMIT_MS);
      await growTo(lab, platform, options);
      const seen = await watchIdle(lab.state, options);
      return rowsOf(seen, await bareNode(options), size.agentsMs);
    } finally {
      await platform.close();
    }
  } finally {
    await tearDown(lab.state);
  }
}

/** Keeps `lab.state` true after each node, so that the caller can take everything down whatever happens. */
async function growTo(
  lab: { state: LabState },
  platform: Platform,
  options: BenchOptions,
): Promise<void> {
  const { agents } = options.size;
  const { env, signal } = options.up;
  for (let count = 1; count < agents; count += BATCH) {
    const wanted: string[] = [];
    for (let n = count; n < Math.min(count + BATCH, agents); n++) {
      const added = await addNode(lab.state, 'media', env);
      lab.state = added.state;
      wanted.push(added.node.name);
    }
    await platform.untilSettled(wanted, BATCH_LIMIT_MS, signal);
    options.say(`media nodes up: ${count + wanted.length}/${agents}`);
  }
}

interface IdleAgents {
  /** At the end of the time. */
  readonly figures: readonly ProcessFigures[];
  readonly cpuPercent: readonly number[];
  readonly writes: number;
}

async function watchIdle(lab: LabState, options: BenchOptions): Promise<IdleAgents> {
  const { size, up, say } = options;
  const zxid = async (): Promise<bigint> =>
    lastZxid(await askZookeeper(firstZookeeper(lab.plan).client, 'srvr'));
  const agents = lab.plan.nodes
    .filter((node) => node.role === 'media')
    .map((node) => lab.processes[node.name])
    .filter((agent) => agent !== undefined);
  await wait(SETTLE_MS, up.signal);
  say(`${agents.length} idle agents, ${size.agentsMs / 1_000} s`);
  const beforeZxid = await zxid();
  const before = agents.map(readFigures);
  const startMs = performance.now();
  await wait(size.agentsMs, up.signal);
  const tookMs = performance.now() - startMs;
  const figures = agents.map(readFigures);
  if (up.signal.aborted) throw new LabError('interrupted');
  return {
    figures,
    cpuPercent: figures.map((after, n) => (100 * (after.cpuMs - (before[n]?.cpuMs ?? 0))) / tookMs),
    writes: Number((await zxid()) - beforeZxid),
  };
}

/** A Node.js process that does nothing: what no agent can be smaller than. */
async function bareNode(options: BenchOptions): Promise<ProcessFigures> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await wait(BARE_NODE_MS, options.up.signal);
    return readFigures({ pid: child.pid ?? 0 });
  } finally {
    child.kill('SIGKILL');
  }
}

function rowsOf(seen: IdleAgents, bare: ProcessFigures, watchedMs: number): readonly BenchRow[] {
  const memory = summarise(seen.figures.map((figures) => figures.residentBytes / MB));
  const cpu = summarise(seen.cpuPercent);
  const peak = Math.max(...seen.figures.map((figures) => figures.peakBytes)) / MB;
  const many = `${seen.figures.length} on one machine`;
  return [
    {
      name: `memory of an idle agent, ${many}`,
      budget: `≤ ${BUDGET_MB}`,
      unit: 'MB',
      summary: memory,
      isWithin: memory.max <= BUDGET_MB,
      note: `resident, after ${watchedMs / 1_000} s; the largest was ${peak.toFixed(1)} MB once`,
    },
    {
      name: 'memory of a Node.js process that does nothing',
      budget: 'baseline',
      unit: 'MB',
      summary: summarise([bare.residentBytes / MB]),
      isWithin: null,
      note: '',
    },
    {
      name: `processor time of an idle agent, ${many}`,
      budget: `≤ ${BUDGET_CPU_PERCENT}`,
      unit: '% of a core',
      summary: cpu,
      isWithin: cpu.max <= BUDGET_CPU_PERCENT,
      note: `over ${watchedMs / 1_000} s, all threads`,
    },
    {
      name: `ZooKeeper writes of ${seen.figures.length} idle agents`,
      budget: '0',
      unit: 'writes',
      summary: summarise([seen.writes]),
      isWithin: seen.writes === 0,
      note: `in ${watchedMs / 1_000} s, by the number of its last write (srvr)`,
    },
  ];
}
