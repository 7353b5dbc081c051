import { closeSync, openSync, readSync } from 'node:fs';
import type { Timekeeper } from '../ports.js';
import type { ProcessIdentity } from './process-group.js';
import { isLiving } from './process-group.js';
import type { ServerExit } from './runtime.js';

/**
 * How often a process that is not our child is asked for: nobody tells us of its end. 40 looks a second
 * cost six to eight thousandths of a core (measured), most of it for the mere waking up; this is half.
 */
const LOOK_MS = 50;
const STAT_BYTES = 512;
const ZOMBIE = 'Z'.charCodeAt(0);
const DEAD = 'X'.charCodeAt(0);

/** Resolves when the process is gone or a zombie. Never rejects. */
export async function watchedExit(target: ProcessIdentity, time: Timekeeper): Promise<ServerExit> {
  const stat = openStat(target.pid);
  try {
    // From here on the descriptor stands for this one process: another with its pid does not show in it.
    const isStill = stat !== null && isLiving(target);
    const buffer = Buffer.alloc(STAT_BYTES);
    while (isStill && isLivingBy(stat, buffer)) await time.wait(LOOK_MS);
  } finally {
    if (stat !== null) closeSync(stat);
  }
  return {
    cause: 'its process is gone (it was not our child, so why is not known)',
    code: null,
    signal: null,
    noticedAtMs: time.wallMs(),
  };
}

function openStat(pid: number): number | null {
  try {
    return openSync(`/proc/${pid}/stat`, 'r');
  } catch {
    return null;
  }
}

function isLivingBy(stat: number, buffer: Buffer): boolean {
  try {
    const sizeBytes = readSync(stat, buffer, 0, STAT_BYTES, 0);
    const state = buffer[buffer.lastIndexOf(')', sizeBytes - 1) + 2];
    return sizeBytes > 0 && state !== ZOMBIE && state !== DEAD;
  } catch {
    return false;
  }
}
