import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../parts/daemon.js';

/** What the kernel has counted of one process. */
export interface ProcessFigures {
  /** Resident now, pages shared with other processes included. */
  readonly residentBytes: number;
  /** The most that was ever resident. */
  readonly peakBytes: number;
  /** User and system time of all its threads since its start. */
  readonly cpuMs: number;
}

/** The kernel's clock tick towards programs: 100 a second on every Linux. */
const TICK_MS = 10;

/** Reads /proc. Throws the file's error when the process has ended. */
export function readFigures(process: Pick<ProcessIdentity, 'pid'>): ProcessFigures {
  const read = (name: string): string => readFileSync(`/proc/${process.pid}/${name}`, 'utf8');
  return parseFigures(read('status'), read('stat'));
}

/** The same from the texts of /proc/PID/status and /proc/PID/stat. Throws RangeError when a figure is not there. Pure. */
export function parseFigures(status: string, stat: string): ProcessFigures {
  // The name, in parentheses, may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  if (Number.isNaN(cpuMs)) throw new RangeError('/proc/PID/stat tells no processor time');
  return { residentBytes: bytesIn(status, 'VmRSS'), peakBytes: bytesIn(status, 'VmHWM'), cpuMs };
}

function bytesIn(status: string, name: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (found === undefined) throw new RangeError(`/proc/PID/status tells no ${name}`);
  return Number(found) * 1_024;
}
