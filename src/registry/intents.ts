import { decodeIntentRecord, encodeIntentRecord } from '../topology/node-codec.js';
import type { IntentRecord } from '../topology/node.js';
import { InvalidInputError } from '../util/errors.js';
import { persistently } from './persistent-writes.js';
import type { RepeatingSession } from './persistent-writes.js';
import type { ZkSession } from './session.js';

/**
 * What an operator makes of the will that stands for a node; null = none does, or shall. What it was given, given back,
 * stays as it is. Called anew when somebody else was faster, or when the answer was lost: then with what stands by then,
 * which may be what it made itself.
 */
export type IntentChange<T extends IntentRecord | null = IntentRecord> = (
  present: IntentRecord | null,
) => T;

export type IntentSession = RepeatingSession &
  Pick<ZkSession, 'getData' | 'setData' | 'create' | 'remove' | 'ensurePath'>;

/** Changes what ZooKeeper holds, whatever any view shows; gives what stands then. */
export async function changeIntent<T extends IntentRecord | null>(
  session: IntentSession,
  dir: string,
  nodeId: string,
  change: IntentChange<T>,
): Promise<T> {
  const path = `${dir}/${nodeId}`;
  return persistently(session, async () => {
    const found = await session.getData(path);
    const present = found === null ? null : readableIntent(nodeId, found.data);
    const wanted = change(present);
    if (wanted === present) return wanted;
    if (wanted === null) {
      if (found !== null) await session.remove(path, found.stat.dataVersion);
      return wanted;
    }
    const data = Buffer.from(encodeIntentRecord(wanted));
    if (found === null) {
      await session.ensurePath(dir);
      await session.create(path, data);
    } else await session.setData(path, data, found.stat.dataVersion);
    return wanted;
  });
}

/** Garbage, which no reader obeys, gives way to any record. */
function readableIntent(nodeId: string, data: Buffer | null): IntentRecord | null {
  try {
    const record = decodeIntentRecord(data);
    return record.nodeId === nodeId ? record : null;
  } catch (err) {
    if (err instanceof InvalidInputError) return null;
    throw err;
  }
}
