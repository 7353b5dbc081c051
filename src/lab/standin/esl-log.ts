import { LOG_LEVELS, logLevelOf } from './log-levels.js';

/** Which log lines a client asked for. Each answer is FreeSWITCH's own, with its spelling. */
export class LogSubscription {
  /** Index into LOG_LEVELS; -1: none. */
  #level = -1;

  wants(level: number): boolean {
    return level <= this.#level;
  }

  start(word: string): string {
    const level = logLevelOf(word);
    if (level === null) return '-ERR invalid log level';
    this.#level = LOG_LEVELS.indexOf(level);
    return `+OK log level ${word} [${this.#level}]`;
  }

  stop(): string {
    const wasLogging = this.#level >= 0;
    this.#level = -1;
    return wasLogging ? '+OK no longer logging' : '-ERR not loging';
  }
}

/** A log line as it is sent to a client. */
export function logMessage(level: number, line: string): readonly [head: string, body: Buffer] {
  const body = Buffer.from(line, 'utf8');
  const head =
    `Content-Type: log/data\nContent-Length: ${body.length}\nLog-Level: ${level}\n` +
    `Text-Channel: 3\nLog-File: mod_commands.c\nLog-Func: log_function\nLog-Line: 7227\n` +
    `User-Data: \n\n`;
  return [head, body];
}
