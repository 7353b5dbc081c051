import { IDLE_CPU } from './api-status.js';
import { uptimeText } from './clock-text.js';
import type { MediaSwitch } from './media-switch.js';
import type { Timers } from './timers.js';

const PLACE = { file: 'switch_core.c', function: 'send_heartbeat', line: 95 };

/** Fires HEARTBEAT every `everyMs`. Its Event-Info is `System Ready` whatever the state is. */
export function startHeartbeat(core: MediaSwitch, timers: Timers, everyMs: number): void {
  timers.after(everyMs, () => {
    fireHeartbeat(core);
    startHeartbeat(core, timers, everyMs);
  });
}

function fireHeartbeat(core: MediaSwitch): void {
  const { stats, active, monoMs, uptimeMs } = core;
  const remaining = core.sessionsPerSecond - stats.startedThisSecond(monoMs);
  core.bus.emit('HEARTBEAT', PLACE, [
    ['Event-Info', 'System Ready'],
    ['Up-Time', uptimeText(uptimeMs)],
    ['FreeSWITCH-Version', '1.11.1-release+git~20260526T204126Z~c2c59645f6~64bit'],
    ['Uptime-msec', String(Math.floor(uptimeMs))],
    ['Session-Count', String(active)],
    ['Max-Sessions', String(core.maxSessions)],
    // Not a rate but what is left of this second's allowance.
    ['Session-Per-Sec', String(Math.max(0, remaining))],
    ['Session-Per-Sec-Last', String(stats.lastRate(monoMs))],
    ['Session-Per-Sec-Max', String(stats.ratePeak)],
    ['Session-Per-Sec-FiveMin', String(stats.ratePeakFiveMin(monoMs))],
    ['Session-Since-Startup', String(stats.total)],
    ['Session-Peak-Max', String(stats.peak)],
    ['Session-Peak-FiveMin', String(stats.peakFiveMin(monoMs, active))],
    ['Idle-CPU', IDLE_CPU.toFixed(6)],
  ]);
}
