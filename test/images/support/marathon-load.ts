import type { CallProgress, CallReport, FailedCall } from '../../../src/lab/calls/report.js';
import { openEndpoint } from '../../../src/lab/phones/endpoint.js';
import { Phone } from '../../../src/lab/phones/phone.js';
import { Switchboard } from '../../../src/lab/phones/switchboard.js';
import { startUserCalls } from '../../../src/lab/phones/user-calls.js';
import { LAB_SIP_DOMAIN } from '../../../src/lab/secrets.js';
import { labUser } from '../../../src/lab/users.js';
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

/** Calls under way. */
export interface Load {
  /** Calls that were begun until now. */
  sent(): number;
  /** Calls that failed until now. */
  failed(): number;
}

/**
 * Calls before the work begins: 3 s of them, so that each node has some and its agent counts these and none
 * of an earlier load.
 */
const LEAD_CALLS = 3 * CPS;

/** Does `work` under calls to every load-balancer, which go on to their ends; gives what became of them. */
export async function underLoad(
  platform: MarathonPlatform,
  work: (load: Load) => Promise<void>,
): Promise<LoadReport> {
  const doors = platform.nodesOf('load-balancer').flatMap(({ sip }) => sip.slice(0, 1));
  const seen = doors.map((): Pick<CallProgress, 'sent' | 'failed'> => ({ sent: 0, failed: 0 }));
  const runs = doors.map((target, n) => {
    const onProgress = (progress: CallProgress): void => void (seen[n] = progress);
    const amount = { seconds: LOAD_S };
    const how = { target, rate: CPS / doors.length, amount, callMs: CALL_MS, onProgress };
    return platform.call(how);
  });
  const load: Load = {
    sent: () => seen.reduce((sum, { sent }) => sum + sent, 0),
    failed: () => seen.reduce((sum, { failed }) => sum + failed, 0),
  };
  try {
    await until('the first calls', async () => load.sent() >= LEAD_CALLS || null);
    await work(load);
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

const PHONE_PORT = 5_080;
const PHONE_CALLS = { calls: 6, rate: 2 };
const EXPIRES_S = 600;
const RING_MS = 100;
const TALK_MS = 1_000;

/** Registers two users behind all load-balancers and lets one call the other; gives what became of the calls. */
export async function callBetweenUsers(platform: MarathonPlatform): Promise<CallReport> {
  const { network, userPassword: password } = platform;
  const edges = platform.nodesOf('load-balancer').flatMap(({ sip }) => sip.slice(0, 1));
  const board = new Switchboard(await openEndpoint({ host: network.outside, port: PHONE_PORT }));
  try {
    const [caller, called] = [1, 2].map(
      (n) => new Phone(board, { user: labUser(n), domain: LAB_SIP_DOMAIN, password, edges }),
    );
    if (caller === undefined || called === undefined) throw new Error('no phones');
    const status = await called.register(EXPIRES_S);
    if (status !== 200) throw new Error(`REGISTER answered ${status ?? 'by nobody'}`);
    called.answer({ ringMs: RING_MS, status: 200 });
    const script = { talkMs: TALK_MS, reinvite: true, hold: false, transferTo: null } as const;
    const targets = [`sip:${labUser(2)}@${LAB_SIP_DOMAIN}`];
    const how = { callers: [caller], targets, ...PHONE_CALLS };
    return await startUserCalls({ ...how, script: { ...script, hangUp: 'caller' } }).result;
  } finally {
    await board.endpoint.close();
  }
}
