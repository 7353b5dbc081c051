import type { Logger } from 'pino';
import type { IntentRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { ZnodeStat } from './stat.js';

export interface IntentKeeperPorts {
  /** Looks at the folder of all intents; null when there is none. */
  readonly readFolder: () => Promise<Pick<ZnodeStat, 'czxid' | 'ctimeMs'> | null>;
  /** Writes an intent that was lost. */
  readonly restore: (record: IntentRecord) => Promise<void>;
  /** What `judge` answers may be another now. */
  readonly onChange: () => void;
  readonly log: Pick<Logger, 'warn'>;
}

interface Kept {
  readonly record: IntentRecord;
  /** Which folder it stood in; null before that was learned. */
  readonly folder: string | null;
}

/**
 * Tells an operator's word that was taken back from one that was lost with ZooKeeper's data: only in the first
 * case does its folder still stand, the same as before. A lost word goes on to hold and is written again;
 * else a node taken out for work on it would get calls because a disk was emptied.
 */
export class IntentKeeper {
  readonly #ports: IntentKeeperPorts;
  #kept: Kept | null = null;
  #isLooking = false;

  constructor(ports: IntentKeeperPorts) {
    this.#ports = ports;
  }

  /** The word that counts, by what a full look at the registry shows (`isFresh`) or showed last. */
  judge(seen: IntentRecord | null, isFresh: boolean): IntentRecord | null {
    if (seen !== null && this.#kept?.record !== seen) {
      this.#kept = { record: seen, folder: null };
    }
    const kept = this.#kept;
    if (kept === null) return null;
    if (seen !== null) {
      if (kept.folder === null && isFresh) this.#look(() => this.#learn(kept));
    } else if (isFresh) {
      this.#look(() => this.#judgeLoss(kept));
    }
    return kept.record;
  }

  /** One look at a time; one that fails is made again at the next question. */
  #look(work: () => Promise<void>): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    work()
      .catch((err: unknown) => {
        if (!(err instanceof CarnaError)) throw err;
        this.#ports.log.warn({ err }, "an operator's word could not be looked after, will retry");
      })
      .finally(() => {
        this.#isLooking = false;
      });
  }

  async #learn(kept: Kept): Promise<void> {
    const folder = await this.#readFolder();
    if (this.#kept === kept) this.#kept = { ...kept, folder };
  }

  async #judgeLoss(kept: Kept): Promise<void> {
    const folder = await this.#readFolder();
    if (this.#kept !== kept) return;
    // What was never learned cannot be compared: then the registry's word counts.
    if (kept.folder === null || folder === kept.folder) {
      this.#kept = null;
      this.#ports.onChange();
      return;
    }
    this.#ports.log.warn(
      { intent: kept.record },
      "an operator's word was lost with ZooKeeper's data and is written again",
    );
    await this.#ports.restore(kept.record);
  }

  async #readFolder(): Promise<string | null> {
    const stat = await this.#ports.readFolder();
    return stat === null ? null : `${stat.czxid} ${stat.ctimeMs}`;
  }
}
