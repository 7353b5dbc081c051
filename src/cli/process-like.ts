import type { Env } from '../config/variables.js';

/** A stream that takes text. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: 'error', listener: (err: Error) => void): unknown;
  off?(event: 'error', listener: (err: Error) => void): unknown;
}

/** The part of `process` that operators' commands use; tests pass an object literal. */
export interface ProcessLike {
  readonly env: Env;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * Runs `work` with a signal that aborts at the first SIGINT or SIGTERM, or when nobody reads standard
 * output any more (`carna topology --watch | head`). The listeners are removed after it.
 */
export async function untilInterrupted<T>(
  proc: Pick<ProcessLike, 'on' | 'off' | 'stdout'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  proc.on('SIGINT', abort);
  proc.on('SIGTERM', abort);
  proc.stdout.on?.('error', abort);
  try {
    return await work(stop.signal);
  } finally {
    proc.off('SIGINT', abort);
    proc.off('SIGTERM', abort);
    proc.stdout.off?.('error', abort);
  }
}
