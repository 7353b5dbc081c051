import { requireFresh } from '../own-drains.js';
import type { Picture } from './picture.js';
import { readPicture } from './picture.js';
import type { ScaleRun } from './run.js';
import { pauseMs } from './run.js';
import { waitingForLock } from './scale-out.js';
import type { Subject } from './teller.js';

/**
 * Reads the world before anything is decided; waits, while `mustWait` says so, until no deployment holds the
 * app. Gives the last picture at the deadline or when `stop` aborts: whoever goes on sees the lock in it.
 *
 * Throws what Marathon and the registry throw, and RegistryNotSentError while ZooKeeper is away.
 */
export async function readUnlocked(
  run: ScaleRun,
  subject: Subject,
  mustWait: (picture: Picture) => boolean,
  stop: AbortSignal,
): Promise<Picture> {
  const { clock, wait } = run.context;
  const untilMs = clock.monoMs() + run.timeoutMs;
  for (;;) {
    const picture = await readPicture(run, subject.appId, stop);
    requireFresh(picture.topology);
    const ids = picture.app?.deploymentIds ?? [];
    if (ids.length === 0 || !mustWait(picture) || stop.aborted) return picture;
    if (clock.monoMs() >= untilMs) return picture;
    run.teller.step(subject, 'locked', waitingForLock(ids));
    await wait(pauseMs(0), stop);
  }
}
