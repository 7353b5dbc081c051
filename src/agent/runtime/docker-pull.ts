import { MissingPartError, messageOf, ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import { shortMessage } from './docker-faults.js';
import type { DockerEngine, PullMessage } from './docker-port.js';

/** A pull that reports nothing for so long has hung. */
export const PULL_SILENCE_MS = 60_000;
/** Progress is told at most so often. */
const TELL_EVERY_MS = 1_000;

/**
 * Pulls an image that the host does not have, telling progress ("pulling x: 34 %"). Throws ServerStartError, which
 * names the image, why it cannot be had, and what to do.
 */
export async function pullImage(
  engine: DockerEngine,
  image: string,
  onProgress: (text: string) => void,
  time: Timekeeper,
): Promise<void> {
  const over = new AbortController();
  let toldMs = -Infinity;
  const progress = pullProgress();
  try {
    onProgress(`pulling ${image}`);
    const messages = await engine.pull(withTag(image), over.signal);
    for await (const message of withoutSilence(messages, time)) {
      if (message.error !== null) throw new ServerStartError(shortMessage(message.error));
      const percent = progress(message);
      if (percent === null || time.monoMs() - toldMs < TELL_EVERY_MS) continue;
      toldMs = time.monoMs();
      onProgress(`pulling ${image}: ${percent} %`);
    }
  } catch (err) {
    if (!(err instanceof ServerStartError)) throw err;
    throw new ServerStartError(
      `image ${image} is missing here and cannot be pulled: ${messageOf(err)}; ` +
        'load it with docker load or docker pull on this host, or check CARNA_SERVER_IMAGE',
    );
  } finally {
    over.abort();
  }
}

/** What to say of an image that is missing and must not be pulled. */
export function missingImage(image: string): MissingPartError {
  return new MissingPartError(
    `image ${image} is missing on this host, and CARNA_DOCKER_PULL=never forbids to pull it`,
    'load it with docker load or docker pull on this host, or set CARNA_DOCKER_PULL=missing',
  );
}

/** Without a tag the engine would pull every one of them. Pure. */
export function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return /[:@]/.test(name) ? image : `${image}:latest`;
}

const DONE = new Set(['Download complete', 'Pull complete', 'Already exists']);

/**
 * Adds up the layers: the result takes one message after the other and gives the share of bytes that are here, in
 * whole percent, or null while no size is known. Unpacking is not counted.
 */
export function pullProgress(): (message: PullMessage) => number | null {
  const layers = new Map<string, { readonly done: number; readonly total: number }>();
  return ({ layer, status, doneBytes, totalBytes }) => {
    const known = layers.get(layer);
    if (status === 'Downloading' && totalBytes > 0) {
      layers.set(layer, { done: doneBytes, total: totalBytes });
    } else if (DONE.has(status) && known !== undefined) {
      layers.set(layer, { done: known.total, total: known.total });
    }
    const sums = [...layers.values()];
    const total = sums.reduce((sum, l) => sum + l.total, 0);
    const done = sums.reduce((sum, l) => sum + l.done, 0);
    return total === 0 ? null : Math.floor((100 * done) / total);
  };
}

async function* withoutSilence<T>(messages: AsyncIterable<T>, time: Timekeeper): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    const heard = new AbortController();
    const silence = time.wait(PULL_SILENCE_MS, heard.signal).then(() => null);
    const next = iterator.next();
    next.catch(() => undefined); // After a silence nobody waits for it.
    const result = await Promise.race([next, silence]).finally(() => heard.abort());
    if (result === null) throw new ServerStartError(`no progress for ${PULL_SILENCE_MS / 1_000} s`);
    if (result.done === true) return;
    yield result.value;
  }
}
