const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration for people: `0.3 s`, `42 s`, `14 min`, `3 h`, `12 d`; below 100 ms in ms. Negative counts as 0. */
export function formatDuration(ms: number): string {
  const t = Math.max(0, ms);
  if (t < 100) return `${Math.round(t)} ms`;
  if (t < 10 * SECOND) return `${(Math.floor(t / 100) / 10).toString()} s`;
  if (t < 2 * MINUTE) return `${Math.floor(t / SECOND)} s`;
  if (t < 2 * HOUR) return `${Math.floor(t / MINUTE)} min`;
  if (t < 2 * DAY) return `${Math.floor(t / HOUR)} h`;
  return `${groupNumber(Math.floor(t / DAY))} d`;
}

/** How long ago: `3 s ago`; `just now` below half a second and for clocks that run ahead. */
export function formatAge(ms: number): string {
  return ms < 500 ? 'just now' : `${formatDuration(ms)} ago`;
}

/** 18204 → `18,204`. */
export function groupNumber(n: number): string {
  return n.toLocaleString('en-US');
}

/** An offset in a timeline: `+3 ms`, `−2 ms`, `+1.2 s`; below 10 ms with one decimal. */
export function formatOffset(ms: number): string {
  const sign = ms < 0 ? '−' : '+';
  const t = Math.abs(ms);
  if (t < 9.95) return `${sign}${(Math.round(t * 10) / 10).toString()} ms`;
  if (t < 10 * SECOND) return `${sign}${groupNumber(Math.round(t))} ms`;
  return `${sign}${formatDuration(t)}`;
}

/** `12:00:00.000` in a time zone (undefined = the system's). */
export function formatTime(wallMs: number, timeZone: string | undefined): string {
  return new Date(wallMs).toLocaleTimeString('en-GB', {
    hour12: false,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
    ...(timeZone === undefined ? {} : { timeZone }),
  });
}

/** `2026-11-21` in a time zone (undefined = the system's). */
export function formatDay(wallMs: number, timeZone: string | undefined): string {
  return new Date(wallMs).toLocaleDateString('sv-SE', timeZone === undefined ? {} : { timeZone });
}

const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY };

/** Reads `90s`, `30m`, `2h`, `1d`, `1h30m` as ms; null when it is none or zero. */
export function parseDuration(text: string): number | null {
  if (!/^(?:\d{1,6}[smhd])+$/.test(text)) return null;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) {
    ms += Number(count) * (UNITS[unit ?? ''] ?? 0);
  }
  return ms > 0 ? ms : null;
}

/** Whole seconds as parseDuration reads them: `90s`, `30m`, `2h`, `1d`. */
export function durationArgument(ms: number): string {
  const units = Object.entries(UNITS).reverse();
  const [unit, size] = units.find(([, each]) => ms % each === 0) ?? ['s', SECOND];
  return `${Math.ceil(ms / size)}${unit}`;
}

/** `1 node`, `3 nodes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${groupNumber(count)} ${count === 1 ? one : many}`;
}
