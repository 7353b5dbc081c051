import type { Logger } from 'pino';
import { withDeadline } from '../../util/wait.js';
import type { Timekeeper } from '../ports.js';
import type { StopSteps } from './runtime.js';

/** A SIGTERM can be lost when it coincides with another signal, so it is sent again. */
export const TERM_AGAIN_MS = 1_000;

/** The first step of every stop: the server's own way to end, within its limit; whatever comes of it, the next steps follow. */
export async function endInOwnWay(
  { graceful, gracefulMs }: Pick<StopSteps, 'graceful' | 'gracefulMs'>,
  over: AbortSignal,
  log: Logger,
  time: Timekeeper,
): Promise<void> {
  if (gracefulMs <= 0) return;
  const endMs = time.monoMs() + gracefulMs;
  try {
    await withDeadline('the server asked to end', gracefulMs, graceful());
    await time.wait(Math.max(0, endMs - time.monoMs()), over);
  } catch (err) {
    log.warn({ err }, 'the server did not take its own way to end');
  }
}
