import { EphemeralPublication } from '../../../src/registry/publish.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { quiet } from './lab.js';

/** A publication that looks after its znode every `verifyMs`. */
export function publication(
  session: ZkSession,
  parentPath: string,
  id: string,
  verifyMs = 5_000,
): EphemeralPublication {
  return new EphemeralPublication(session, { parentPath, id, log: quiet, verifyMs });
}

/** A znode as the server has it. */
export interface Standing {
  readonly name: string;
  readonly text: string;
  readonly owner: bigint;
  readonly czxid: bigint;
}

/** What lies below `parent`, by the eyes of another session. */
export async function standing(eye: ZkSession, parent: string): Promise<Standing[]> {
  await eye.sync(parent);
  const names = (await eye.getChildren(parent)) ?? [];
  const found = await Promise.all(
    names.map(async (name) => {
      const znode = await eye.getData(`${parent}/${name}`);
      return znode === null
        ? []
        : [
            {
              name,
              text: String(znode.data),
              owner: znode.stat.ephemeralOwner,
              czxid: znode.stat.czxid,
            },
          ];
    }),
  );
  return found.flat();
}
