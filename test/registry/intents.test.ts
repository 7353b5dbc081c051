import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeIntent } from '../../src/registry/intents.js';
import type { IntentChange, IntentSession } from '../../src/registry/intents.js';
import type { ZnodeData } from '../../src/registry/requests.js';
import type { ZnodeStat } from '../../src/registry/stat.js';
import { encodeIntentRecord } from '../../src/topology/node-codec.js';
import type { IntentRecord } from '../../src/topology/node.js';
import { RegistryAmbiguousError, RegistryRejectedError } from '../../src/util/errors.js';
import { intentRecord } from './records.js';

const OURS = intentRecord();
const THEIRS = intentRecord({ by: 'ann', now: true });

const unexpected = async (): Promise<never> => {
  throw new Error('nothing is to be written');
};

/** One znode, of which the answers to the first `lost` removals are lost; `meanwhile` happens before the next try. */
class OneZnode implements IntentSession {
  readonly zkSessionTimeoutMs = 1_000;
  readonly setData = unexpected;
  readonly create = unexpected;
  readonly ensurePath = unexpected;
  held: { record: IntentRecord; version: number } | null;
  #lost: number;
  readonly #meanwhile: () => void;

  constructor(record: IntentRecord, lost = 0, meanwhile: () => void = () => undefined) {
    this.held = { record, version: 0 };
    this.#lost = lost;
    this.#meanwhile = meanwhile;
  }

  async getData(): Promise<(ZnodeData & { readonly arrival: number }) | null> {
    if (this.held === null) return null;
    const { record, version } = this.held;
    const stat = { dataVersion: version } as ZnodeStat;
    return { data: Buffer.from(encodeIntentRecord(record)), stat, arrival: 0 };
  }

  async remove(path: string, version = -1): Promise<void> {
    if (this.held === null) throw new RegistryRejectedError(path, 'NO_NODE');
    if (![-1, this.held.version].includes(version)) {
      throw new RegistryRejectedError(path, 'BAD_VERSION');
    }
    this.held = null;
    if (this.#lost-- > 0) throw new RegistryAmbiguousError(`${path}: lost`);
  }

  async whenConnected(): Promise<void> {
    this.#meanwhile();
  }
}

const withoutOurs: IntentChange<IntentRecord | null> = (present) =>
  present?.by === OURS.by ? null : present;

const takeBack = (session: IntentSession): Promise<IntentRecord | null> =>
  changeIntent(session, '/intents', OURS.nodeId, withoutOurs);

test('a word is taken away although the answer was lost', async () => {
  const session = new OneZnode(OURS, 1);
  assert.deepEqual([await takeBack(session), session.held], [null, null]);
});

test('what somebody else says after a removal whose answer was lost stands', async () => {
  const session: OneZnode = new OneZnode(OURS, 1, () => {
    session.held = { record: THEIRS, version: 0 };
  });
  assert.deepEqual(await takeBack(session), THEIRS);
  assert.deepEqual(session.held?.record, THEIRS);
});

test('what somebody else makes of a word between its reading and its removal stands', async () => {
  const session = new OneZnode(OURS);
  const stands = await changeIntent(session, '/intents', OURS.nodeId, (present) => {
    const wanted = withoutOurs(present);
    // Only the first try reads ours.
    if (wanted === null) session.held = { record: THEIRS, version: 1 };
    return wanted;
  });
  assert.deepEqual([stands, session.held?.record], [THEIRS, THEIRS]);
});
