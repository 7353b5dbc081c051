import { RegistryAmbiguousError } from '../util/errors.js';
import { isRejected } from './operations.js';
import type { ZkSession } from './session.js';

const WRITE_ATTEMPTS = 5;

/** What it takes to repeat a write. */
export type RepeatingSession = Pick<ZkSession, 'whenConnected' | 'zkSessionTimeoutMs'>;

/** Creates the persistent znode or replaces its data. */
export async function writeZnode(
  session: ZkSession,
  dir: string,
  name: string,
  data: Buffer,
): Promise<void> {
  const path = `${dir}/${name}`;
  await persistently(session, async () => {
    if ((await session.exists(path)) !== null) await session.setData(path, data);
    else await createIn(session, dir, path, data);
  });
}

/** Creates the persistent znode; one that stands is left as it is. */
export async function createZnode(
  session: ZkSession,
  dir: string,
  name: string,
  data: Buffer,
): Promise<void> {
  const path = `${dir}/${name}`;
  await persistently(session, async () => {
    if ((await session.exists(path)) === null) await createIn(session, dir, path, data);
  });
}

async function createIn(
  session: ZkSession,
  dir: string,
  path: string,
  data: Buffer,
): Promise<void> {
  await session.ensurePath(dir);
  await session.create(path, data);
}

/** Fine when there is none. */
export async function removeZnode(session: ZkSession, path: string): Promise<void> {
  await persistently(session, async () => {
    if ((await session.exists(path)) !== null) await session.remove(path);
  });
}

/**
 * Repeats a look-then-write that another client, a concurrent change or a lost answer disturbed. Safe
 * because each try looks first, and a write that did happen is found and counts.
 */
export async function persistently<T>(
  session: RepeatingSession,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (err) {
      const isLost = err instanceof RegistryAmbiguousError;
      const isRace = ['NODE_EXISTS', 'NO_NODE', 'BAD_VERSION'].some((code) =>
        isRejected(err, code),
      );
      if (!(isLost || isRace) || attempt === WRITE_ATTEMPTS) throw err;
      if (isLost) await session.whenConnected(session.zkSessionTimeoutMs);
    }
  }
}
