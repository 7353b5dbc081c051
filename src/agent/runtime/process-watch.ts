import type { Timekeeper } from '../ports.js';
import type { ProcessIdentity } from './process-group.js';
import { isLiving } from './process-group.js';
import type { ServerExit } from './runtime.js';

/** How often a process that is not our child is asked for. */
const LOOK_MS = 25;

/** Resolves when the process is gone or a zombie. Never rejects. */
export async function watchedExit(process: ProcessIdentity, time: Timekeeper): Promise<ServerExit> {
  while (isLiving(process)) await time.wait(LOOK_MS);
  return {
    cause: 'its process is gone (it was not our child, so why is not known)',
    code: null,
    signal: null,
    noticedAtMs: time.wallMs(),
  };
}
