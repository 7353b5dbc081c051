import type { Logger } from 'pino';
import type { Timekeeper } from '../ports.js';
import type { LivingProcess, ProcessIdentity } from './process-group.js';
import { livingMembers, readProcess } from './process-group.js';
import { clearGroup } from './process-life.js';
import { markedProcesses } from './process-mark.js';
import type { KeptServer } from './server-file.js';

/**
 * The main process of a server whose agent is dead; null when it has none any more: what is left of its
 * group is ended then, since workers without their main process are nobody's, and would keep the ports.
 * Throws ServerStartError when they cannot be ended.
 */
export async function findOrphan(
  server: KeptServer,
  log: Logger,
  time: Timekeeper,
): Promise<ProcessIdentity | null> {
  return server.process === null
    ? findByMark(server.instanceId, log, time)
    : findByPid(server.process, log, time);
}

async function findByPid(
  kept: ProcessIdentity,
  log: Logger,
  time: Timekeeper,
): Promise<ProcessIdentity | null> {
  const leader = readProcess(kept.pid);
  if (leader === null) await endLeaderless([kept.pid], log, time);
  // Another process under the pid: ours, group and all, is gone, or the kernel had not given the pid again.
  return leader?.startTicks === kept.startTicks ? kept : null;
}

/** For a server whose agent died before it could write down the pid. */
async function findByMark(
  instanceId: string,
  log: Logger,
  time: Timekeeper,
): Promise<ProcessIdentity | null> {
  const found = markedProcesses(instanceId);
  const leader = found.find(isLeader);
  if (leader !== undefined) return { pid: leader.pid, startTicks: leader.startTicks };
  await endLeaderless([...new Set(found.map((member) => member.session))], log, time);
  return null;
}

const isLeader = ({ pid, group, session }: LivingProcess): boolean =>
  pid === session && pid === group;

async function endLeaderless(
  leaders: readonly number[],
  log: Logger,
  time: Timekeeper,
): Promise<void> {
  for (const pid of leaders) {
    const members = livingMembers(pid).length;
    if (members === 0) continue;
    log.warn({ pid, members }, 'ending the workers that a server left without its main process');
    await clearGroup(pid, log, time);
  }
}
