import { decodeOverrideRecord } from '../topology/node-codec.js';
import type { OverrideRecord } from '../topology/node.js';
import { InvalidInputError } from '../util/errors.js';
import type { RefusedZnode } from './nodes.js';
import { persistently } from './persistent-writes.js';
import type { ZkSession } from './session.js';
import type { TreeSnapshot } from './tree-view.js';

export interface OverridesSnapshot {
  /** By setid. */
  readonly records: ReadonlyMap<number, OverrideRecord>;
  readonly refused: readonly RefusedZnode[];
}

/** What tells one word from every other. */
export type OverrideWord = Pick<OverrideRecord, 'setid' | 'since'>;

const FOLDER = 'overrides/';

/** Reads the operators' words against the guards; decodes again only when the tree has changed. */
export class OverridesReader {
  #revision: number | null = null;
  #last: OverridesSnapshot = { records: new Map(), refused: [] };

  read(tree: TreeSnapshot): OverridesSnapshot {
    if (this.#revision === tree.revision) return this.#last;
    const records = new Map<number, OverrideRecord>();
    const refused: RefusedZnode[] = [];
    for (const [path, { data }] of tree.entries) {
      if (!path.startsWith(FOLDER)) continue;
      try {
        const record = decodeOverrideRecord(data);
        if (path === `${FOLDER}${record.setid}`) records.set(record.setid, record);
        else refused.push({ path, why: `it speaks for set ${record.setid}` });
      } catch (err) {
        if (!(err instanceof InvalidInputError)) throw err;
        refused.push({ path, why: err.message });
      }
    }
    this.#revision = tree.revision;
    this.#last = { records, refused };
    return this.#last;
  }
}

/** Takes a word away; one that was said since then stays. Fine when there is none. */
export async function removeOverride(
  session: ZkSession,
  dir: string,
  { setid, since }: OverrideWord,
): Promise<void> {
  const path = `${dir}/${setid}`;
  await persistently(session, async () => {
    const found = await session.getData(path);
    if (found === null || decodeOverrideRecord(found.data).since !== since) return;
    await session.remove(path, found.stat.dataVersion);
  });
}
