/** FreeSWITCH's log levels; the index is the number. */
export const LOG_LEVELS = [
  'console',
  'alert',
  'crit',
  'err',
  'warning',
  'notice',
  'info',
  'debug',
] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** The level of a name or a number as text; null when it is none. */
export function logLevelOf(text: string): LogLevel | null {
  const number = /^\d$/.test(text) ? Number(text) : -1;
  return LOG_LEVELS[number] ?? LOG_LEVELS.find((level) => level === text.toLowerCase()) ?? null;
}
