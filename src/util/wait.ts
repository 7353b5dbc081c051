import { DeadlineError } from './errors.js';

/** Resolves after `ms` milliseconds or when `signal` aborts. Never rejects. */
export async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** Settles like `work`, or rejects with a DeadlineError naming `what` after `timeoutMs`. Does not stop the work itself. */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  work: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(what, timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks `isTrue` every `everyMs` until it answers true; rejects with a DeadlineError after `timeoutMs`.
 * A rejection of `isTrue` ends the wait with that error.
 */
export async function waitUntil(
  what: string,
  timeoutMs: number,
  isTrue: () => boolean | Promise<boolean>,
  everyMs = 20,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new DeadlineError(what, timeoutMs);
    await wait(everyMs);
  }
}
