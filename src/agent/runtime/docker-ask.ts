import type { Readable } from 'node:stream';
import { DeadlineError, ServerStartError } from '../../util/errors.js';
import type { Timekeeper } from '../ports.js';
import { dockerFault } from './docker-faults.js';
import { DockerAnswerError } from './docker-port.js';

/** A call that ends when its signal aborts. */
type Call<T> = (signal: AbortSignal) => Promise<T>;

/** Gives calls to the engine a deadline and turns whatever they throw into CarnaErrors. */
export interface Asker {
  readonly ask: (what: string, timeoutMs: number, call: Call<unknown>) => Promise<unknown>;
  /** A call whose answer is a stream: the deadline holds for its beginning, `over` ends it. */
  readonly stream: (
    what: string,
    over: AbortSignal,
    call: Call<NodeJS.ReadableStream>,
  ) => Promise<AsyncIterable<Buffer>>;
}

/** How long the engine may take until the first byte of a stream. A pull asks the registry before. */
const STREAM_START_MS = 30_000;

/** `time` waits for the deadlines. The client alone would wait for ever for an answer that is cut off. */
export function asker(socketPath: string, time: Pick<Timekeeper, 'wait'>): Asker {
  let isKnown = false;
  const ask = async <T>(what: string, timeoutMs: number, call: Call<T>): Promise<T> => {
    const late = new AbortController();
    const answered = new AbortController();
    const work = call(late.signal);
    work.catch(() => undefined); // Of a call that was given up nobody hears.
    const limit = new Promise<never>((_, reject) => {
      void time.wait(timeoutMs, answered.signal).then(() => {
        if (answered.signal.aborted) return;
        late.abort();
        reject(new ServerStartError(`Docker at ${socketPath}: ${lateText(what, timeoutMs)}`));
      });
    });
    try {
      const answer = await Promise.race([work, limit]);
      isKnown = true;
      return answer;
    } catch (err) {
      const fault = dockerFault(err, what, socketPath, isKnown);
      if (fault instanceof DockerAnswerError) isKnown = true;
      throw fault;
    } finally {
      answered.abort();
    }
  };
  const stream: Asker['stream'] = async (what, over, call) => {
    const source = await ask(what, STREAM_START_MS, call);
    return bytesOf(source as Readable, over, (err) => dockerFault(err, what, socketPath, true));
  };
  return { ask, stream };
}

/** Settles like `call`; null when Docker answered one of `statuses`. */
export async function orNull<T>(call: Promise<T>, ...statuses: number[]): Promise<T | null> {
  try {
    return await call;
  } catch (err) {
    if (err instanceof DockerAnswerError && statuses.includes(err.status)) return null;
    throw err;
  }
}

function lateText(what: string, timeoutMs: number): string {
  return new DeadlineError(what, timeoutMs).message;
}

/** Ends with the stream or when `over` aborts, also when nobody reads it. */
function bytesOf(
  source: Readable,
  over: AbortSignal,
  faultOf: (err: unknown) => Error,
): AsyncIterable<Buffer> {
  const end = (): void => {
    source.destroy();
  };
  const unlisten = (): void => over.removeEventListener('abort', end);
  source.on('error', () => undefined); // The reader gets it; without a reader it must not end the process.
  source.once('close', unlisten);
  over.addEventListener('abort', end);
  if (over.aborted) end();
  return (async function* () {
    try {
      for await (const piece of source) yield piece as Buffer;
    } catch (err) {
      if (!over.aborted) throw faultOf(err);
    } finally {
      end();
    }
  })();
}
