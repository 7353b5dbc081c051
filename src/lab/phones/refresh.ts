import { wait } from '../../util/wait.js';
import type { Phone } from './phone.js';

/** Phones that register again and again, as phones do. */
export interface Refreshing {
  readonly count: number;
  /** Who could not, also not once more after RETRY_MS, and what it was told. */
  readonly faults: readonly string[];
  /** Ends it; resolves when nobody is registering any more. */
  stop(): Promise<void>;
}

/** A phone that got no good answer asks again so much later. */
const RETRY_MS = 1_000;

/** Lets each phone register every `everyMs`, evenly spread. */
export function keepRegistered(
  phones: readonly Phone[],
  expiresS: number,
  everyMs: number,
): Refreshing {
  const stop = new AbortController();
  const faults: string[] = [];
  let count = 0;
  const keep = async (phone: Phone, index: number): Promise<void> => {
    await wait((everyMs * (index + 1)) / phones.length, stop.signal);
    while (!stop.signal.aborted) {
      let status = await phone.register(expiresS);
      if (status !== 200) {
        await wait(RETRY_MS);
        status = await phone.register(expiresS);
      }
      if (status === 200) count++;
      else faults.push(`${phone.aor}: ${status ?? 'no answer'}`);
      await wait(everyMs, stop.signal);
    }
  };
  const running = Promise.all(phones.map(keep));
  return {
    get count() {
      return count;
    },
    faults,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}
