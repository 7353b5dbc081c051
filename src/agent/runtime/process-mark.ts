import { readFileSync } from 'node:fs';
import type { LivingProcess } from './process-group.js';
import { livingProcesses } from './process-group.js';

/** Every process of a server inherits it: a server whose pid was never written down is found by it. */
const MARK = 'CARNA_INSTANCE';

/** `env` with the mark of this life. */
export function markedEnv(env: NodeJS.ProcessEnv, instanceId: string): NodeJS.ProcessEnv {
  return { ...env, [MARK]: instanceId };
}

/** The living processes with the mark of that life, those excepted whose environment is not ours to read. */
export function markedProcesses(instanceId: string): LivingProcess[] {
  const mark = `${MARK}=${instanceId}`;
  return livingProcesses().filter((found) => environOf(found.pid).includes(mark));
}

function environOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
