import { identityOf, isAlive } from '../../../src/lab/parts/daemon.js';
import { docker, dockerOutcome } from './docker.js';

/** Tells whose container it is: `PID:START` of the process that made it, so that a later one sees whether it lives. */
const OWNER = 'carna.test-owner';

/** Options for `docker create` of a container that another process may remove once this one is dead. */
export function ownedByUs(): readonly string[] {
  return ['--label', `${OWNER}=${ownerOf()}`];
}

function ownerOf(): string {
  const self = identityOf(process.pid);
  if (self === null) throw new Error('/proc tells nothing of this process');
  return `${self.pid}:${self.startTicks}`;
}

/** Removes the containers of test processes that are dead, with their volumes, and so their networks. */
export async function removeLeftovers(): Promise<void> {
  const format = `{{.ID}} {{.Label "${OWNER}"}}`;
  const lines = await docker('ps', '--all', '--filter', `label=${OWNER}`, '--format', format);
  const dead = lines
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([id = '', owner = '']) => id !== '' && !lives(owner))
    .map(([id = '']) => id);
  if (dead.length > 0) await dockerOutcome(['rm', '--force', '--volumes', ...dead]);
}

function lives(owner: string): boolean {
  const [pid = 0, startTicks = 0] = owner.split(':').map(Number);
  return isAlive({ pid, startTicks });
}
