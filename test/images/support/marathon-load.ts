import type { CallReport, FailedCall } from '../../../src/lab/calls/report.js';
import type { NodeRecord } from '../../../src/topology/node.js';
import { until } from './docker.js';
import type { MarathonPlatform } from './marathon-platform.js';

/** New calls a second, shared by the load-balancers. */
const CPS = 20;
const CALL_MS = { min: 5_000, max: 10_000 };
/** Longer than any work: the load is stopped, it does not end. */
const LOAD_S = 900;

/** What became of the calls of all callers. */
export interface LoadReport {
  readonly sent: number;
  readonly failed: readonly FailedCall[];
  /** `host:port` of the media nodes that answered some. */
  readonly nodes: ReadonlySet<string>;
}

/** Does `work` under calls to every load-balancer, which go on to their ends; gives what became of them. */
export async function underLoad(
  platform: MarathonPlatform,
  work: () => Promise<void>,
): Promise<LoadReport> {
  const doors = platform.nodesOf('load-balancer').map(addressOf);
  const runs = doors.map((door) => platform.call(door, CPS / doors.length, LOAD_S, CALL_MS));
  try {
    await work();
  } finally {
    for (const run of runs) run.stop();
    await Promise.allSettled(runs.map(({ result }) => result));
  }
  return mergeReports(await Promise.all(runs.map(({ result }) => result)));
}

function mergeReports(reports: readonly CallReport[]): LoadReport {
  return {
    sent: reports.reduce((sum, { sent }) => sum + sent, 0),
    failed: reports.flatMap(({ failed }) => failed),
    nodes: new Set(reports.flatMap(({ nodes }) => nodes.map(({ node }) => node))),
  };
}

/** Waits until every one of these nodes has at least so many calls. */
export async function untilCallsOn(nodes: readonly NodeRecord[], least = 1): Promise<void> {
  for (const node of nodes) {
    await until(`${least} calls on ${node.nodeId}`, async () => {
      return (await callsOn(node)) >= least ? true : null;
    });
  }
}

async function callsOn(node: NodeRecord): Promise<number> {
  const reply = await fetch(`http://${node.agent.http}/healthz`).catch(() => null);
  if (reply === null) return 0;
  return ((await reply.json()) as { calls?: number }).calls ?? 0;
}

/** `host:port` where a node takes SIP. */
export function addressOf(node: NodeRecord): string {
  const [first] = node.sip;
  return `${first?.host}:${first?.port}`;
}

/** A failed call in one line. */
export function told({ why, node, sentAtMs }: FailedCall): string {
  return `${why}, on ${node ?? 'no node'}, sent ${new Date(sentAtMs).toISOString()}`;
}
