import { join } from 'node:path';
import { LabError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import type { CallReport } from './calls/report.js';
import { startCalls } from './calls/calls.js';
import { killPart, startInfrastructure, stopInfrastructure } from './faults.js';
import type { Platform } from './platform.js';
import type { LabState } from './state.js';

export const DRILLS = [
  'zookeeper-away',
  'postgres-away',
  'leader-killed',
  'kamailio-killed',
] as const;
export type DrillName = (typeof DRILLS)[number];

export interface DrillOptions {
  /** How long the part stays away. */
  readonly awayMs: number;
  readonly callsPerSecond: number;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** One thing that had to hold. */
export interface Finding {
  readonly what: string;
  readonly isGood: boolean;
  readonly seen: string;
}

/** Longest time until everything is back by itself: one zkSession of the lab's agents, and the machine's slowness. */
const BACK_TIMEOUT_MS = 30_000;
const CALL_MS = { min: 500, max: 2_000 };
const LEAD_MS = 1_000;

/**
 * One fault under live calls. Resolves with what was found; throws only when the drill itself could not
 * be done. The lab is whole again afterwards, or the findings say what is not.
 */
export async function runDrill(
  name: DrillName,
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
): Promise<readonly Finding[]> {
  const entry = lab.plan.nodes.find((node) => node.role === 'load-balancer');
  if (entry === undefined) throw new LabError('the lab has no load-balancer');
  const before = await platform.rowVersions();
  const calls = startCalls({
    target: entry.sip,
    localHost: lab.plan.caller,
    rate: options.callsPerSecond,
    amount: { seconds: options.awayMs / 1_000 + 120 },
    callMs: CALL_MS,
    runDir: join(lab.runDir, 'drills', `${name}-${Date.now()}`),
    env: options.env,
    signal: options.signal,
  });
  const findings: Finding[] = [];
  try {
    await wait(LEAD_MS, options.signal);
    findings.push(...(await FAULTS[name](lab, platform, options, before)));
    await wait(LEAD_MS, options.signal);
  } finally {
    calls.stop();
  }
  return [...findings, callFinding(await calls.result, name)];
}

type RowVersions = ReadonlyMap<string, string>;
type Fault = (
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
  before: RowVersions,
) => Promise<readonly Finding[]>;

const FAULTS: Readonly<Record<DrillName, Fault>> = {
  'zookeeper-away': (lab, platform, options, before) =>
    infrastructureAway('zookeeper', lab, platform, options, before),
  'postgres-away': (lab, platform, options, before) =>
    infrastructureAway('postgres', lab, platform, options, before),
  'leader-killed': leaderKilled,
  'kamailio-killed': kamailioKilled,
};

async function infrastructureAway(
  name: 'zookeeper' | 'postgres',
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
  before: RowVersions,
): Promise<readonly Finding[]> {
  await stopInfrastructure(lab, name);
  options.say(`${name} stopped for ${options.awayMs / 1_000} s`);
  const during = name === 'zookeeper' ? watchRows(platform, before, options) : pause(options);
  const changes = await during;
  await startInfrastructure(lab, name, options.env);
  options.say(`${name} serves again`);
  const startMs = performance.now();
  await platform.untilSettled(allNodes(lab), BACK_TIMEOUT_MS, options.signal);
  const backMs = performance.now() - startMs;
  const after = await platform.rowVersions();
  return [
    {
      what: `no row changed while ${name} was away`,
      isGood: changes === 0,
      seen: name === 'zookeeper' ? `${changes} changes seen` : 'the table itself was away',
    },
    {
      what: 'the table is the same afterwards',
      isGood: sameRows(before, after),
      seen: sameRows(before, after) ? 'every row version unchanged' : 'row versions differ',
    },
    {
      what: 'everything is back by itself',
      isGood: true,
      seen: `settled ${(backMs / 1_000).toFixed(1)} s after its return`,
    },
  ];
}

async function leaderKilled(
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
  before: RowVersions,
): Promise<readonly Finding[]> {
  const leader = await platform.leader();
  if (leader === null) throw new LabError('no reconciler leads');
  killPart(lab, { name: leader.holder, agent: false });
  const startMs = performance.now();
  options.say(`${leader.holder}, leader of epoch ${leader.epoch}, killed`);
  const next = await platform.untilLeader(
    (found) => found.epoch > leader.epoch,
    BACK_TIMEOUT_MS,
    options.signal,
  );
  const tookMs = performance.now() - startMs;
  await platform.untilSettled(allNodes(lab), BACK_TIMEOUT_MS, options.signal);
  const after = await platform.rowVersions();
  return [
    {
      what: 'the standby leads',
      isGood: next.holder !== leader.holder,
      seen: `${next.holder}, epoch ${next.epoch}, ${(tookMs / 1_000).toFixed(1)} s after the kill`,
    },
    {
      what: 'the change of leaders changes no row',
      isGood: sameRows(before, after),
      seen: sameRows(before, after) ? 'every row version unchanged' : 'row versions differ',
    },
  ];
}

async function kamailioKilled(
  lab: LabState,
  platform: Platform,
  options: DrillOptions,
): Promise<readonly Finding[]> {
  const node = platform.dispatchers[0];
  if (node === undefined) throw new LabError('the lab has no dispatcher');
  const oldInstance = platform.instanceOf(node.name);
  killPart(lab, { name: node.name, agent: false });
  options.say(`${node.name}'s Kamailio killed`);
  const startMs = performance.now();
  await platform.untilUpAgain(node.name, oldInstance, BACK_TIMEOUT_MS, options.signal);
  const upMs = performance.now() - startMs;
  // Asked right after the publication: the list had to be right before it.
  const drift = await platform.listFaults(node);
  await platform.untilSettled(allNodes(lab), BACK_TIMEOUT_MS, options.signal);
  return [
    {
      what: 'its list is right when it is published as up',
      isGood: drift.length === 0,
      seen: drift.length === 0 ? `up after ${(upMs / 1_000).toFixed(1)} s` : drift.join('; '),
    },
  ];
}

/** Reads the table again and again; gives how many readings differed. */
async function watchRows(
  platform: Platform,
  before: RowVersions,
  options: DrillOptions,
): Promise<number> {
  const endMs = performance.now() + options.awayMs;
  let changes = 0;
  while (performance.now() < endMs && !options.signal.aborted) {
    if (!sameRows(before, await platform.rowVersions())) changes++;
    await wait(200, options.signal);
  }
  return changes;
}

async function pause(options: DrillOptions): Promise<number> {
  await wait(options.awayMs, options.signal);
  return 0;
}

function sameRows(a: RowVersions, b: RowVersions): boolean {
  return a.size === b.size && [...a].every(([key, version]) => b.get(key) === version);
}

function allNodes(lab: LabState): string[] {
  return lab.plan.nodes.map((node) => node.name);
}

/** A killed proxy takes the transactions that it was holding with it; nothing else may cost a call. */
function callFinding(report: CallReport, name: DrillName): Finding {
  const failed = report.sent - report.completed;
  const reasons = [...new Set(report.failed.map((call) => call.why))].join(', ');
  return {
    what: name === 'kamailio-killed' ? 'calls' : 'no call failed',
    isGood: failed === 0,
    seen: `${report.sent} calls, ${failed} failed${failed === 0 ? '' : ` (${reasons})`}`,
  };
}
