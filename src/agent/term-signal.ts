import type { Logger } from 'pino';

/**
 * Aborts on the first SIGTERM or SIGINT. Later ones are noted and change nothing: Marathon sends SIGTERM
 * again every 30 s, and "quit on the second" would cut every drain.
 */
export function termSignal(proc: NodeJS.Process, log: Logger): AbortSignal {
  const term = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    proc.on(name, () => {
      log.info({ signal: name, isRepeated: term.signal.aborted }, 'asked to end');
      if (!term.signal.aborted) term.abort(new Error(`received ${name}`));
    });
  }
  return term.signal;
}
