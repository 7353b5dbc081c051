import type { ApiContext } from './api-context.js';
import { uptimeParts, uptimeText } from './clock-text.js';

const HUMAN_VERSION = '1.11.1-release git c2c5964 2026-05-26 20:41:26Z 64bit';
/** We measure no processor; a constant in the plausible range. */
export const IDLE_CPU = 90;

/** `api status`: text for people. */
export function status(_: string, context: ApiContext): string {
  const core = context.switch;
  const { stats, active, monoMs } = core;
  return [
    `UP ${uptimeText(core.uptimeMs)}`,
    `FreeSWITCH (Version ${HUMAN_VERSION}) is ${core.isReady ? 'ready' : 'not ready'}`,
    `${stats.total} session(s) since startup`,
    `${active} session(s) - peak ${stats.peak}, last 5min ${stats.peakFiveMin(monoMs, active)} `,
    `${stats.lastRate(monoMs)} session(s) per Sec out of max ${core.sessionsPerSecond}, ` +
      `peak ${stats.ratePeak}, last 5min ${stats.ratePeakFiveMin(monoMs)} `,
    `${core.maxSessions} session(s) max`,
    `min idle cpu 0.00/${IDLE_CPU.toFixed(2)}`,
    'Current Stack Size/Max 240K/8192K',
    '',
  ].join('\n');
}

/** `api json {"command":"status","data":""}`: the same for machines. Other commands are refused. */
export function jsonApi(args: string, context: ApiContext): string {
  const request = parseRequest(args);
  if (request === null) return '-USAGE: JSON\n';
  if (request.command !== 'status') {
    return `${JSON.stringify({ ...request, status: 'error', message: 'The command was not found' })}\n`;
  }
  return `${JSON.stringify({ ...request, status: 'success', response: statusJson(context) })}\n`;
}

function parseRequest(text: string): { readonly command: string } | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('command' in value)) return null;
    return typeof value.command === 'string' ? { ...value, command: value.command } : null;
  } catch {
    return null;
  }
}

function statusJson({ switch: core }: ApiContext): object {
  const { stats, active, monoMs } = core;
  return {
    systemStatus: core.isReady ? 'ready' : 'not ready',
    uptime: uptimeParts(core.uptimeMs),
    version: HUMAN_VERSION,
    sessions: {
      count: {
        total: stats.total,
        active,
        peak: stats.peak,
        peak5Min: stats.peakFiveMin(monoMs, active),
        limit: core.maxSessions,
      },
      rate: {
        current: stats.lastRate(monoMs),
        max: core.sessionsPerSecond,
        peak: stats.ratePeak,
        peak5Min: stats.ratePeakFiveMin(monoMs),
      },
    },
    // The real one has its names mixed up: `allowed` is the idle share of now.
    idleCPU: { used: 0, allowed: IDLE_CPU },
    stackSizeKB: { current: 240, max: 8192 },
  };
}
