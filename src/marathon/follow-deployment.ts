import type { Clock } from '../util/clock.js';
import {
  CarnaError,
  DeadlineError,
  InvalidInputError,
  MarathonAnswerError,
  MarathonUnavailableError,
} from '../util/errors.js';
import type { MarathonDeployment } from './client/answers.js';
import type { MarathonPorts } from './client/call.js';
import type { StreamTiming } from './client/event-stream.js';
import { runEventStream, STREAM_TIMING } from './client/event-stream.js';
import type { MarathonEvent } from './client/events-codec.js';
import { READ_EVENTS } from './client/events-codec.js';
import type { MarathonClient } from './client/marathon-client.js';

/** What following a deployment asks of Marathon. */
export interface DeploymentSource {
  readDeployments(signal: AbortSignal): Promise<readonly MarathonDeployment[]>;
  /**
   * Gives what the event stream tells until `signal` aborts, then resolves; undefined = something may have been
   * missed. Hints only: it may stay silent for ever, lose events or repeat them.
   */
  followEvents(
    take: (event: MarathonEvent | undefined) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Time, from outside. */
export interface FollowPorts {
  readonly clock: Clock;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Limits of a follower, in ms. */
export interface FollowTiming {
  /** For the whole; it ends as `late` then, and the deployment goes on. */
  readonly deadlineMs: number;
  /** From one look to the next while no event asks for one. */
  readonly pollMs: number;
}

/** How often Marathon is asked where the caller said nothing. */
export const FOLLOW_POLL_MS = 1_000;

/** What was seen at one look. */
export type DeploymentProgress =
  | { readonly kind: 'under-way'; readonly deployment: MarathonDeployment }
  /** Marathon did not say; it is asked again. */
  | { readonly kind: 'away'; readonly error: CarnaError };

/** How it ended. */
export type DeploymentEnd =
  /** Marathon said so, and lists it no more. */
  | { readonly kind: 'succeeded' }
  /** It was cancelled, replaced by a forced one, or could not be done. */
  | { readonly kind: 'failed' }
  /** It is over; how was never told (the event was lost): look at what it was to do. */
  | { readonly kind: 'vanished' }
  /** The deadline passed; it goes on in Marathon. `error`: why the last look failed, if it did. */
  | { readonly kind: 'late'; readonly error: CarnaError | undefined }
  /** The caller's signal aborted; it goes on in Marathon. */
  | { readonly kind: 'stopped' };

/** Looks without it that prove its end where no event told of it: a new leader may not have loaded it yet. */
const LOOKS_WITHOUT = 2;

/**
 * Waits until the deployment is over. The list of deployments is the truth, an event only asks for a look
 * and tells how it ended; both may fail for a while, as during a change of the leader.
 *
 * `onProgress` is called after every look that did not end it. Throws what Marathon will not mend by itself
 * (MarathonRefusedError), and what is no CarnaError.
 */
export async function followDeployment(
  source: DeploymentSource,
  ports: FollowPorts,
  deploymentId: string,
  timing: FollowTiming,
  onProgress: (progress: DeploymentProgress) => void,
  signal: AbortSignal,
): Promise<DeploymentEnd> {
  const hints = new Hints(deploymentId);
  const over = new AbortController();
  const events = source.followEvents((event) => hints.take(event), over.signal);
  events.catch((error: unknown) => hints.fail(error));
  const abort = (): void => hints.ring();
  signal.addEventListener('abort', abort);
  try {
    return await look(source, ports, deploymentId, timing, onProgress, hints, signal);
  } finally {
    signal.removeEventListener('abort', abort);
    over.abort();
    await events.catch(() => undefined);
  }
}

/** What a Marathon gives to the follower of a deployment; the stream has its own time and chance. */
export function deploymentSource(
  marathon: Pick<MarathonClient, 'readDeployments' | 'openEvents'>,
  ports: MarathonPorts,
  timing: StreamTiming = STREAM_TIMING,
): DeploymentSource {
  return {
    readDeployments: (signal) => marathon.readDeployments(signal),
    followEvents: (take, signal) =>
      runEventStream(
        {
          ...ports,
          open: (stop) => marathon.openEvents(READ_EVENTS, stop),
          readSnapshot: async () => undefined,
        },
        timing,
        (item) => take(item.kind === 'event' ? item.event : undefined),
        signal,
      ),
  };
}

async function look(
  source: DeploymentSource,
  { clock, wait }: FollowPorts,
  deploymentId: string,
  timing: FollowTiming,
  onProgress: (progress: DeploymentProgress) => void,
  hints: Hints,
  signal: AbortSignal,
): Promise<DeploymentEnd> {
  const endMs = clock.monoMs() + timing.deadlineMs;
  let looksWithout = 0;
  for (;;) {
    if (signal.aborted) return { kind: 'stopped' };
    const rung = hints.nextRing();
    const seen = await readOne(source, deploymentId, signal);
    // Not before: a hint that came while Marathon was asked counts.
    const { hasSucceeded } = hints.check();
    if (seen === undefined) {
      if (hasSucceeded !== undefined) return { kind: hasSucceeded ? 'succeeded' : 'failed' };
      if (++looksWithout >= LOOKS_WITHOUT) return { kind: 'vanished' };
    } else {
      looksWithout = 0;
      if (!signal.aborted) onProgress(seen);
    }
    const leftMs = endMs - clock.monoMs();
    if (leftMs <= 0) return { kind: 'late', error: seen?.kind === 'away' ? seen.error : undefined };
    await wait(Math.min(timing.pollMs, leftMs), rung);
  }
}

/** Undefined when Marathon lists the deployment no more. */
async function readOne(
  source: DeploymentSource,
  deploymentId: string,
  signal: AbortSignal,
): Promise<DeploymentProgress | undefined> {
  try {
    const deployment = (await source.readDeployments(signal)).find(({ id }) => id === deploymentId);
    return deployment === undefined ? undefined : { kind: 'under-way', deployment };
  } catch (error) {
    if (isPassing(error)) return { kind: 'away', error };
    throw error;
  }
}

/** Whether Marathon may answer the same question another time. */
export function isPassing(error: unknown): error is CarnaError {
  return (
    error instanceof MarathonUnavailableError ||
    error instanceof MarathonAnswerError ||
    error instanceof DeadlineError ||
    error instanceof InvalidInputError
  );
}

/** What the event stream told of one deployment, and a signal that ends a wait when it told something. */
class Hints {
  readonly #deploymentId: string;
  #ring = new AbortController();
  #hasSucceeded: boolean | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(deploymentId: string) {
    this.#deploymentId = deploymentId;
  }

  take(event: MarathonEvent | undefined): void {
    // Tasks and instances of all apps are told as well: a look for each of them would be a flood.
    if (event === undefined) return this.ring();
    if (event.kind !== 'deployment' || event.deploymentId !== this.#deploymentId) return;
    this.#hasSucceeded = event.hasSucceeded;
    this.ring();
  }

  /** An event stream that Marathon refuses is no reason to stop; a bug is. */
  fail(error: unknown): void {
    if (error instanceof CarnaError) return;
    this.#fault = { error };
    this.ring();
  }

  ring(): void {
    this.#ring.abort();
  }

  /** Aborts at the next hint. */
  nextRing(): AbortSignal {
    if (this.#ring.signal.aborted) this.#ring = new AbortController();
    return this.#ring.signal;
  }

  /** How the deployment ended, as far as told. Throws the bug that ended the stream. */
  check(): { readonly hasSucceeded: boolean | undefined } {
    if (this.#fault !== undefined) throw this.#fault.error;
    return { hasSucceeded: this.#hasSucceeded };
  }
}
