import type { Logger } from 'pino';
import type { IntentRecord } from '../topology/node.js';
import { CarnaError } from '../util/errors.js';
import type { ZnodeStat } from './stat.js';

/** What ZooKeeper holds, whatever the view shows. */
export interface IntentLook {
  /** The znode of this node's intent stands. Looked at before the folder. */
  readonly stands: boolean;
  /** Of all intents; null when there is none. */
  readonly folder: Pick<ZnodeStat, 'czxid' | 'ctimeMs'> | null;
}

export interface IntentKeeperPorts {
  readonly look: () => Promise<IntentLook>;
  /** Writes an intent that was lost; one that stands by then is left as it is. */
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
  #isAsking = false;

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
      if (kept.folder === null && isFresh) this.#ask(() => this.#learn(kept));
    } else if (isFresh) {
      this.#ask(() => this.#judgeLoss(kept));
    }
    return kept.record;
  }

  /** One question at a time; one that fails is asked again at the next `judge`. */
  #ask(work: () => Promise<void>): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    work()
      .catch((err: unknown) => {
        if (!(err instanceof CarnaError)) throw err;
        this.#ports.log.warn({ err }, "an operator's word could not be looked after, will retry");
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }

  async #learn(kept: Kept): Promise<void> {
    const { folder } = await this.#ports.look();
    if (this.#kept === kept) this.#kept = { ...kept, folder: lifeOf(folder) };
  }

  async #judgeLoss(kept: Kept): Promise<void> {
    const { stands, folder } = await this.#ports.look();
    // One that stands is shown by the view in a moment.
    if (this.#kept !== kept || stands) return;
    // What was never learned cannot be compared: then the registry's word counts.
    if (kept.folder === null || lifeOf(folder) === kept.folder) {
      this.#kept = null;
      this.#ports.onChange();
      return;
    }
    this.#ports.log.warn(
      { intent: kept.record },
      "an operator's word was lost with ZooKeeper's data and is written again",
    );
    await this.#ports.restore(kept.record);
    // It may be taken back before the view showed it; that is told from another loss by the new folder.
    await this.#learn(kept);
  }
}

/** The same number may come again after a wipe, not at the same time. */
function lifeOf(folder: IntentLook['folder']): string | null {
  return folder === null ? null : `${folder.czxid} ${folder.ctimeMs}`;
}
