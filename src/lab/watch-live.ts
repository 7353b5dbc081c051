import type { LiveDestination } from '../topology/live-destination.js';
import { CarnaError, DeadlineError, LabError } from '../util/errors.js';
import { wait } from '../util/wait.js';
import type { LabNode } from './plan.js';

/** Reads one Kamailio's live list (Platform.liveList). */
export type ReadLive = (node: LabNode) => Promise<readonly LiveDestination[]>;

const POLL_MS = 1;

/**
 * Asks each Kamailio again and again until it holds `destination` as wanted; `letters` is undefined when
 * the list does not have it. Gives, per Kamailio, the wall clock in ms of the answer that showed it.
 *
 * Throws DeadlineError naming those that did not come round, LabError when `signal` aborts. A Kamailio that does not answer is asked again.
 */
export async function untilLive(
  read: ReadLive,
  kamailios: readonly LabNode[],
  destination: string,
  isWanted: (letters: string | undefined) => boolean,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  const endMs = performance.now() + timeoutMs;
  const watch = async (node: LabNode): Promise<void> => {
    while (performance.now() < endMs && !signal.aborted) {
      const letters = await lettersOf(read, node, destination);
      if (letters !== 'unknown' && isWanted(letters)) {
        seen.set(node.name, performance.timeOrigin + performance.now());
        return;
      }
      await wait(POLL_MS);
    }
  };
  await Promise.all(kamailios.map(watch));
  if (signal.aborted) throw new LabError('interrupted');
  const late = kamailios.filter((node) => !seen.has(node.name)).map((node) => node.name);
  if (late.length > 0) throw new DeadlineError(`${destination} on ${late.join(', ')}`, timeoutMs);
  return seen;
}

async function lettersOf(
  read: ReadLive,
  node: LabNode,
  destination: string,
): Promise<string | undefined> {
  try {
    return (await read(node)).find((entry) => entry.destination === destination)?.letters;
  } catch (err) {
    if (err instanceof CarnaError) return 'unknown';
    throw err;
  }
}

/** Kamailio sends new calls there: active. */
export function takesCalls(letters: string | undefined): boolean {
  return letters?.startsWith('A') ?? false;
}

/** Kamailio sends no new call there: inactive, disabled, or not in the list. */
export function takesNoCalls(letters: string | undefined): boolean {
  return !takesCalls(letters);
}
