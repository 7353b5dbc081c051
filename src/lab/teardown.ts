import { readdirSync, readFileSync } from 'node:fs';
import { nestedLabs } from './data-centres.js';
import { passPackets } from './dropped-packets.js';
import { infrastructureNames } from './infrastructure.js';
import type { ProcessIdentity } from './parts/daemon.js';
import { identityOf, isAlive, signalDaemon, stopDaemon } from './parts/daemon.js';
import { stopPostgres } from './parts/postgres.js';
import { stopZookeeper } from './parts/zookeeper.js';
import { serverOf } from './server-pid.js';
import type { LabState } from './state.js';
import { LAB_MARK, removeRunDir } from './state.js';

const SERVER_GRACE_MS = 1_000;

/**
 * Ends every process of a lab and removes its folder and its rules of iptables, whatever state it is in. Daemons that would bring
 * others back (agents, reconcilers) end first and without a drain: the platform itself goes away.
 *
 * The further data centres below it end with it.
 *
 * Returns what was still alive after the orderly part and had to be killed by its mark: nothing, normally.
 */
export async function tearDown(state: LabState): Promise<readonly ProcessIdentity[]> {
  const nested: ProcessIdentity[] = [];
  for (const lab of nestedLabs(state.runDir)) nested.push(...(await tearDown(lab)));
  const infrastructure = new Set(infrastructureNames(state.plan));
  for (const [name, daemon] of Object.entries(state.processes)) {
    if (!infrastructure.has(name)) signalDaemon(daemon, 'SIGKILL');
  }
  await Promise.all(
    state.plan.nodes.map(async (node) => {
      const server = serverOf(state.runDir, node);
      if (server === null) return;
      signalDaemon(server, 'SIGCONT', true); // A frozen server cannot take a signal.
      await stopDaemon(server, node.kind === 'kamailio' ? 'SIGTERM' : 'SIGKILL', SERVER_GRACE_MS);
    }),
  );
  await Promise.all(
    [...infrastructure].map(async (name) => {
      const part = state.processes[name];
      if (part !== undefined) await thaw(part, name === 'postgres' ? stopPostgres : stopZookeeper);
    }),
  );
  const left = killMarked(state.mark);
  await passPackets(state.plan); // A drill that was killed may have left its rules.
  removeRunDir(state.runDir);
  return [...nested, ...left];
}

async function thaw(
  daemon: ProcessIdentity,
  stop: (daemon: ProcessIdentity) => Promise<void>,
): Promise<void> {
  signalDaemon(daemon, 'SIGCONT');
  await stop(daemon);
}

/** Kills every process whose environment carries the lab's mark: nothing escapes by detaching (Linux /proc). */
export function killMarked(mark: string): readonly ProcessIdentity[] {
  const left = markedProcesses(mark);
  for (const found of left) signalDaemon(found, 'SIGKILL');
  return left;
}

/** The living processes of a lab by their mark, without ourselves. */
export function markedProcesses(mark: string): readonly ProcessIdentity[] {
  const wanted = `${LAB_MARK}=${mark}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => environOf(pid).includes(wanted))
    .map(identityOf)
    .filter((found) => found !== null)
    .filter(isAlive);
}

function environOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // Ended meanwhile, or another user's.
  }
}
