import type { HeartbeatNews } from '../ports.js';
import { joined } from './probe.js';

/** What the HEARTBEAT events of one connection have told so far. */
export interface Pulse {
  readonly hear: (news: HeartbeatNews) => void;
  /** FreeSWITCH did not agree to send any; `why` for people. */
  readonly miss: (why: string) => void;
  /** New sessions per second by the last one; null before the first. */
  readonly ratePerSecond: () => number | null;
  readonly idleCpuPercent: () => number | null;
  /** What is amiss with them, for people; null when nothing is. */
  readonly note: () => string | null;
}

/** Of a connection that has just been opened. They come every 20 s by default and only add to the load. */
export function newPulse(): Pulse {
  let last: Extract<HeartbeatNews, { kind: 'beat' }> | null = null;
  let missing: string | null = null;
  let refused = 0;
  let lastWhy = '';
  return {
    hear: (news) => {
      if (news.kind === 'beat') {
        last = news;
        return;
      }
      refused += 1;
      lastWhy = news.why;
    },
    miss: (why) => (missing = why),
    ratePerSecond: () => last?.ratePerSecond ?? null,
    idleCpuPercent: () => last?.idleCpuPercent ?? null,
    note: () =>
      joined('; ', [
        missing === null ? null : `no HEARTBEAT events: ${missing}`,
        refused === 0 ? null : `${refused} HEARTBEAT event(s) refused, the last: ${lastWhy}`,
      ]),
  };
}
