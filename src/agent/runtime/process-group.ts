import { readdirSync, readFileSync } from 'node:fs';

/** Tells a process from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Kernel time of its start. */
  readonly startTicks: number;
}

/** A living process as /proc/PID/stat tells it; zombies do not count as living. */
export interface LivingProcess extends ProcessIdentity {
  readonly group: number;
  readonly session: number;
}

/** Null when nobody lives under this pid. */
export function readProcess(pid: number): LivingProcess | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return {
      pid,
      group: Number(fields[2]),
      session: Number(fields[3]),
      startTicks: Number(fields[19]),
    };
  } catch {
    return null;
  }
}

/** False when it ended, is a zombie, or another process has its pid. */
export function isLiving(identity: ProcessIdentity): boolean {
  return readProcess(identity.pid)?.startTicks === identity.startTicks;
}

/** All that can be seen; without init. */
export function livingProcesses(): LivingProcess[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1)
    .map(readProcess)
    .filter((found) => found !== null);
}

/** The living members of the group or session that process `leader` opened, itself included. */
export function livingMembers(leader: number): LivingProcess[] {
  return livingProcesses().filter((found) => found.group === leader || found.session === leader);
}

/** Sends a signal to every member of the group; false when there is none. */
export function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  return trySignal(-leader, signal);
}

/** False when the process is gone. */
export function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
