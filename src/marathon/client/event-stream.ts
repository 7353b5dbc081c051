import { backoffMs } from '../../util/backoff.js';
import type { BackoffLimits } from '../../util/backoff.js';
import { CarnaError } from '../../util/errors.js';
import type { ByteStream } from './attachment.js';
import { Attachment } from './attachment.js';
import type { MarathonPorts } from './call.js';
import type { MarathonEvent } from './events-codec.js';

/** Why everything was read anew. */
export type SnapshotCause = 'attached' | 'resync' | 'events-lost';

/** What the follower of a stream is given, in this order: a snapshot after each (re)connection, then events. */
export type StreamItem<T> =
  | { readonly kind: 'snapshot'; readonly cause: SnapshotCause; readonly snapshot: T }
  | { readonly kind: 'event'; readonly event: MarathonEvent }
  /** The stream broke or could not be opened; it is opened again after a pause. */
  | { readonly kind: 'away'; readonly error: CarnaError };

/** What a follower needs. */
export interface StreamDeps<T> extends MarathonPorts {
  readonly open: (signal: AbortSignal) => Promise<ByteStream>;
  /** Reads all that the follower wants to know; its own deadlines hold. */
  readonly readSnapshot: (signal: AbortSignal) => Promise<T>;
}

/** Limits of a follower, in ms. */
export interface StreamTiming {
  /** Silence after which the stream is taken for dead; Marathon gives a sign of life every few seconds. */
  readonly silentMs: number;
  /** From one snapshot to the next when nothing else asks for one: an event may be lost on a live stream. */
  readonly resyncMs: number;
  readonly retry: BackoffLimits;
}

/** What is used where the operator said nothing. */
export const STREAM_TIMING: StreamTiming = {
  silentMs: 45_000,
  resyncMs: 30_000,
  retry: { minMs: 250, maxMs: 10_000 },
};

/**
 * Follows Marathon until `signal` aborts: attaches to the stream first, then takes a snapshot, so that
 * nothing falls between the two; an event may therefore be older than the snapshot before it. The
 * stream may break, stay silent, lose or garble events: each ends in a new snapshot.
 *
 * `take` is awaited; what comes meanwhile waits in a bounded buffer. What is not a CarnaError is passed on.
 */
export async function runEventStream<T>(
  deps: StreamDeps<T>,
  timing: StreamTiming,
  take: (item: StreamItem<T>) => Promise<void> | void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  const settled = (): void => {
    failures = 0;
  };
  while (!signal.aborted) {
    try {
      await follow(deps, timing, take, settled, signal);
    } catch (error) {
      if (!(error instanceof CarnaError)) throw error;
      if (signal.aborted) return;
      await take({ kind: 'away', error });
      await deps.wait(backoffMs(failures++, timing.retry, deps.random), signal);
    }
  }
}

/** One life of the stream; ends by a CarnaError, or quietly by the signal. */
async function follow<T>(
  deps: StreamDeps<T>,
  timing: StreamTiming,
  take: (item: StreamItem<T>) => Promise<void> | void,
  settled: () => void,
  signal: AbortSignal,
): Promise<void> {
  const attachment = new Attachment(await deps.open(signal), deps.clock);
  try {
    let cause: SnapshotCause | undefined = 'attached';
    let snapshotMs = deps.clock.monoMs();
    while (!signal.aborted) {
      if (cause !== undefined) {
        snapshotMs = deps.clock.monoMs();
        await take({ kind: 'snapshot', cause, snapshot: await deps.readSnapshot(signal) });
        settled();
      }
      for (const event of attachment.buffer.takeAll()) await take({ kind: 'event', event });
      attachment.check(timing.silentMs);
      const nowMs = deps.clock.monoMs();
      cause = attachment.buffer.takeLoss() ? 'events-lost' : undefined;
      if (nowMs - snapshotMs >= timing.resyncMs) cause ??= 'resync';
      if (cause !== undefined) continue;
      const dueMs = Math.min(attachment.heardMs + timing.silentMs, snapshotMs + timing.resyncMs);
      await attachment.bell.wait(Math.max(1, dueMs - nowMs), signal);
    }
  } finally {
    attachment.close();
  }
}
