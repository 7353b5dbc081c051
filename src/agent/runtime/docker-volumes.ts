import { CarnaError } from '../../util/errors.js';
import type { ContainerFacts, DockerEngine } from './docker-port.js';

/** The name that Docker gives to a volume without one. */
const NAMELESS = /^[0-9a-f]{64}$/;

/**
 * Removes a server's container that a dead agent left, and the volume that both shared: Mesos removed it with the
 * agent's container, unless the server's held it then. A volume with a name, or in use, stays. Gives the names
 * of the volumes that were removed. Throws like
 * `engine.remove`.
 */
export async function removeLeftover(
  engine: Pick<DockerEngine, 'inspect' | 'remove' | 'removeVolume'>,
  id: string,
): Promise<readonly string[]> {
  const volumes = namelessVolumes(await engine.inspect(id));
  await engine.remove(id);
  const removed: string[] = [];
  for (const name of volumes) {
    try {
      if (await engine.removeVolume(name)) removed.push(name);
    } catch (err) {
      if (!(err instanceof CarnaError)) throw err; // It only takes room on the disk.
    }
  }
  return removed;
}

function namelessVolumes(facts: ContainerFacts | null): readonly string[] {
  return (facts?.mounts ?? []).flatMap(({ type, name }) =>
    type === 'volume' && NAMELESS.test(name) ? [name] : [],
  );
}
