const two = (n: number): string => String(n).padStart(2, '0');

/** `2026-11-21 02:11:39` in local time, from milliseconds since 1970. */
export function clockText(wallMs: number): string {
  const d = new Date(wallMs);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${day} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** A duration cut as FreeSWITCH cuts its uptime; a year has 365 days. */
export interface UptimeParts {
  readonly years: number;
  readonly days: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
  readonly microseconds: number;
}

export function uptimeParts(uptimeMs: number): UptimeParts {
  const seconds = Math.floor(uptimeMs / 1000);
  const days = Math.floor(seconds / 86_400);
  return {
    years: Math.floor(days / 365),
    days: days % 365,
    hours: Math.floor(seconds / 3600) % 24,
    minutes: Math.floor(seconds / 60) % 60,
    seconds: seconds % 60,
    milliseconds: Math.floor(uptimeMs) % 1000,
    microseconds: Math.floor(uptimeMs * 1000) % 1000,
  };
}

/** `0 years, 0 days, 0 hours, 1 minute, ...`: singular only for exactly one. */
export function uptimeText(uptimeMs: number): string {
  return Object.entries(uptimeParts(uptimeMs))
    .map(([unit, count]) => `${count} ${count === 1 ? unit.slice(0, -1) : unit}`)
    .join(', ');
}
