import type { ApiContext } from './api-context.js';
import { LOG_LEVELS, logLevelOf } from './log-levels.js';
import type { Direction } from './media-switch.js';
import type { ShutdownKind } from './shutdown-port.js';

const SYNTAX =
  '[api_expansion [on|off]|recover|send_sighup|hupall|pause [inbound|outbound]|resume ' +
  '[inbound|outbound]|shutdown [cancel|elegant|asap|now|restart]|uuid_version [4|7]|sps|' +
  'sps_peak_reset|sync_clock|sync_clock_when_idle|reclaim_mem|max_sessions|min_dtmf_duration ' +
  '[num]|max_dtmf_duration [num]|default_dtmf_duration [num]|min_idle_cpu|loglevel [level]|' +
  'debug_level [level]|mdns_resolve [enable|disable]]';

type Control = (args: readonly string[], context: ApiContext) => string | Promise<string>;

const CONTROLS: ReadonlyMap<string, Control> = new Map<string, Control>([
  ['pause', (args, context) => setPaused(args, true, context)],
  ['resume', (args, context) => setPaused(args, false, context)],
  ['pause_check', pauseCheck],
  ['ready_check', (_, context) => String(context.switch.isReady)],
  ['shutdown_check', (_, context) => String(context.switch.isShutdownRequested)],
  ['shutdown', shutdown],
  ['hupall', hupall],
  ['max_sessions', maxSessions],
  ['sps', sps],
  ['last_sps', lastSps],
  ['sps_peak_reset', spsPeakReset],
  ['min_idle_cpu', minIdleCpu],
  ['default_dtmf_duration', () => '+OK default dtmf duration: 2000\n'],
  ['loglevel', loglevel],
]);

/** `api fsctl ...`: the core's switches. */
export async function fsctl(args: string, context: ApiContext): Promise<string> {
  if (args === '') return `-USAGE: ${SYNTAX}\n`;
  const [name = '', ...rest] = args.split(/ +/);
  const control = CONTROLS.get(name.toLowerCase());
  if (control === undefined) return `-ERR Invalid command\nUSAGE: fsctl ${SYNTAX}\n`;
  return control(rest, context);
}

/** A trap of the real one, kept: an unknown direction means both. */
function directionsOf(word: string | undefined): readonly Direction[] {
  const lower = word?.toLowerCase();
  return lower === 'inbound' || lower === 'outbound' ? [lower] : ['inbound', 'outbound'];
}

function setPaused([word]: readonly string[], isPaused: boolean, context: ApiContext): string {
  context.switch.setPaused(directionsOf(word), isPaused);
  return '+OK\n';
}

function pauseCheck([word]: readonly string[], context: ApiContext): string {
  return String(directionsOf(word).every((direction) => context.switch.isPaused(direction)));
}

async function shutdown(words: readonly string[], context: ApiContext): Promise<string> {
  const lower = words.slice(0, 4).map((word) => word.toLowerCase());
  if (lower.includes('cancel')) {
    context.shutdown.cancel();
    return '+OK\n';
  }
  const kinds: readonly ShutdownKind[] = ['elegant', 'asap', 'now'];
  const kind = lower.findLast((word) => kinds.some((k) => k === word)) as ShutdownKind | undefined;
  await context.shutdown.request(kind ?? 'stop', lower.includes('restart'));
  return '+OK\n';
}

function hupall(_: readonly string[], { switch: core, profile }: ApiContext): string {
  for (const uuid of core.callIds) profile.hangup(uuid, 'MANAGER_REQUEST');
  return '+OK\n';
}

/** 0 and what is no number only read, as with the real one. */
const positive = (word: string | undefined): number | null => {
  const value = Number.parseInt(word ?? '', 10);
  return value > 0 ? value : null;
};

function maxSessions([word]: readonly string[], { switch: core }: ApiContext): string {
  core.maxSessions = positive(word) ?? core.maxSessions;
  return `+OK max sessions: ${core.maxSessions}\n`;
}

function sps([word]: readonly string[], { switch: core }: ApiContext): string {
  core.sessionsPerSecond = positive(word) ?? core.sessionsPerSecond;
  return `+OK sessions per second: ${core.sessionsPerSecond}\n`;
}

function lastSps(_: readonly string[], { switch: core }: ApiContext): string {
  return `+OK last sessions per second: ${core.stats.lastRate(core.monoMs)}\n`;
}

function spsPeakReset(_: readonly string[], { switch: core }: ApiContext): string {
  core.stats.resetRatePeak();
  return '+OK max sessions per second counter reset\n';
}

/** Answered as recorded, but no call is ever refused for it: we measure no processor. */
function minIdleCpu([word]: readonly string[]): string {
  const percent = Number.parseFloat(word ?? '');
  return percent > 0 ? `+OK min idle cpu: ${percent.toFixed(2)}` : '+OK min idle cpu: DISABLED\n';
}

/** A trap of the real one, kept: without a level it switches all logging off. */
function loglevel([word]: readonly string[], { switch: core }: ApiContext): string {
  const level = word === undefined ? null : logLevelOf(word);
  if (word !== undefined && level === null) return '-ERR syntax error, log level not set!\n';
  core.logLevel = level === null ? -1 : LOG_LEVELS.indexOf(level);
  return `+OK log level: ${level?.toUpperCase() ?? 'DISABLE'} [${core.logLevel}]\n`;
}
