import { BinrpcClient } from '../protocols/binrpc/client.js';
import { intOf, requireMember, textOf } from '../protocols/binrpc/value.js';
import { LabError } from '../util/errors.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { identityOf, signalDaemon } from './parts/daemon.js';
import { kamailiosOf } from './plan.js';
import { findNode, serverOf } from './server-pid.js';
import type { LabState } from './state.js';
import { ctlSocket } from './state.js';

/** What a fault hits: the SIP server of a node, or with `agent` the agent beside it; else the part itself. */
export interface FaultTarget {
  readonly name: string;
  readonly agent: boolean;
}

export interface Hit {
  readonly process: ProcessIdentity;
  /** "media-2's server", for messages. */
  readonly what: string;
  /** Wall clock in ms, read just before the signal. */
  readonly atMs: number;
}

/** Every name that a fault may hit. */
export function faultNames(state: LabState): string[] {
  return [...state.plan.nodes.map((node) => node.name), ...Object.keys(state.processes)]
    .filter((name, index, all) => all.indexOf(name) === index)
    .sort();
}

/** `kill -9` of one process; whoever supervises it must notice by itself. Throws LabError when it does not run. */
export function killPart(state: LabState, target: FaultTarget): Hit {
  return hit(state, target, 'SIGKILL', false);
}

/** SIGSTOP: the process keeps its sockets and answers nothing. A SIP server is frozen with its whole group. */
export function freezePart(state: LabState, target: FaultTarget): Hit {
  return hit(state, target, 'SIGSTOP', true);
}

/** SIGCONT to a part, to a SIP server with its whole group: the opposite of freezePart and of freezeWorkers. */
export function thawPart(state: LabState, target: FaultTarget): Hit {
  return hit(state, target, 'SIGCONT', true);
}

/** The workers of one Kamailio that were hit. */
export interface WorkersHit {
  readonly processes: readonly ProcessIdentity[];
  /** Wall clock in ms, read just before the first signal. */
  readonly atMs: number;
}

const RPC_TIMEOUT_MS = 2_000;

/**
 * SIGSTOP of the UDP receivers of a Kamailio: no SIP is served any more while the main process lives and the
 * control socket answers (unless one was stopped while it held a lock of the shared memory: then all waits).
 * thawPart lets them go on. Throws LabError for a node without such workers, or that cannot be asked for them.
 */
export async function freezeWorkers(state: LabState, name: string): Promise<WorkersHit> {
  const node = findNode(state.plan, name);
  if (node?.kind !== 'kamailio') {
    const kamailios = kamailiosOf(state.plan);
    const names = kamailios.map((found) => found.name).join(', ');
    throw new LabError(`${name} is no Kamailio with SIP workers; those are: ${names}`);
  }
  const processes = await udpReceivers(ctlSocket(state.runDir, node));
  if (processes.length === 0) throw new LabError(`${name} names no UDP receiver of its own`);
  const atMs = performance.timeOrigin + performance.now();
  for (const process of processes) signalDaemon(process, 'SIGSTOP');
  return { processes, atMs };
}

/** Kamailio's own list of its processes tells which of them receive SIP over UDP. */
async function udpReceivers(socketPath: string): Promise<ProcessIdentity[]> {
  const client = new BinrpcClient({ socketPath, timeoutMs: RPC_TIMEOUT_MS });
  try {
    const processes = await client.call('core.psx');
    return processes
      .filter((process) => textOf(requireMember(process, 'DSC')).startsWith('udp receiver'))
      .map((process) => identityOf(intOf(requireMember(process, 'PID'))))
      .filter((found) => found !== null);
  } finally {
    client.close();
  }
}

function hit(state: LabState, target: FaultTarget, signal: NodeJS.Signals, group: boolean): Hit {
  const found = findPart(state, target);
  const atMs = performance.timeOrigin + performance.now();
  if (!signalDaemon(found.process, signal, group && found.isServer)) {
    throw new LabError(`${found.what} is not running; see: carna lab status`);
  }
  return { process: found.process, what: found.what, atMs };
}

function findPart(
  state: LabState,
  target: FaultTarget,
): { readonly process: ProcessIdentity; readonly what: string; readonly isServer: boolean } {
  const node = findNode(state.plan, target.name);
  if (node !== undefined && !target.agent) {
    const server = serverOf(state.runDir, node);
    if (server === null) throw new LabError(`${node.name}'s server is not running right now`);
    return { process: server, what: `${node.name}'s server`, isServer: true };
  }
  const process = state.processes[target.name];
  if (process === undefined) {
    throw new LabError(`the lab has no ${target.name}; it has: ${faultNames(state).join(', ')}`);
  }
  const what = node === undefined ? target.name : `${node.name}'s agent`;
  return { process, what, isServer: false };
}
