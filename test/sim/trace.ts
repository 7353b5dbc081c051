import { createHash } from 'node:crypto';
import type { Logger } from 'pino';

/** What happened, in order; texts are made only when somebody wants them. */
export class Trace {
  readonly isOn: boolean;
  readonly lines: string[] = [];
  readonly #nowMs: () => number;

  constructor(isOn: boolean, nowMs: () => number) {
    this.isOn = isOn;
    this.#nowMs = nowMs;
  }

  readonly note = (text: () => string): void => {
    if (this.isOn) this.lines.push(`${(this.#nowMs() / 1_000).toFixed(4).padStart(9)} ${text()}`);
  };

  hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex').slice(0, 16);
  }
}

/** A logger of the product whose lines go into the trace. `onError` sees what was logged as an error. */
export function tracingLogger(
  trace: Trace,
  who: () => string,
  onError: (message: string, facts: unknown) => void,
): Logger {
  const line =
    (level: string) =>
    (facts: unknown, message?: string): void => {
      const text = message ?? String(facts);
      if (level === 'error') onError(text, facts);
      if (level !== 'debug') trace.note(() => `${who()} ${level}: ${text} ${brief(facts)}`);
    };
  const log = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => log,
  };
  return log as unknown as Logger;
}

function brief(facts: unknown): string {
  if (typeof facts !== 'object' || facts === null) return '';
  return JSON.stringify(facts, (_, value: unknown) =>
    value instanceof Error ? `${value.name}: ${value.message}` : value,
  ).slice(0, 240);
}
