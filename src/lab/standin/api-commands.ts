import type { ApiContext, ApiHandler } from './api-context.js';
import { fsctl } from './api-fsctl.js';
import { show } from './api-show.js';
import { sofia } from './api-sofia.js';
import { jsonApi, status } from './api-status.js';
import { LOG_LEVELS, logLevelOf } from './log-levels.js';

/** The version that was recorded; the stand-in answers as that FreeSWITCH did. */
const VERSION = '1.11.1-release';
const VERSION_FULL = `${VERSION}+git~20260526T204126Z~c2c59645f6~64bit`;
const VERSION_TEXT = `FreeSWITCH Version ${VERSION_FULL} (git c2c5964 2026-05-26 20:41:26Z 64bit)\n`;

/** Modules of which `module_exists` says true. */
const MODULES: ReadonlySet<string> = new Set([
  'mod_commands',
  'mod_console',
  'mod_dialplan_xml',
  'mod_dptools',
  'mod_event_socket',
  'mod_logfile',
  'mod_sofia',
  'mod_tone_stream',
]);

const ORIGINATE_USAGE =
  '-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] ' +
  '[<cid_name>] [<cid_num>] [<timeout_sec>]\n';

const COMMANDS: ReadonlyMap<string, ApiHandler> = new Map<string, ApiHandler>([
  ['echo', (args) => args],
  ['fsctl', fsctl],
  ['global_getvar', globalGetvar],
  ['hostname', (_, { config }) => config.hostName],
  ['json', jsonApi],
  ['log', log],
  ['module_exists', (args) => String(MODULES.has(args))],
  ['msleep', msleep],
  ['originate', () => ORIGINATE_USAGE],
  ['reload', reload],
  ['reloadxml', () => '+OK [Success]\n'],
  ['show', show],
  ['shutdown', shutdown],
  ['sofia', sofia],
  ['status', status],
  ['strepoch', (_, context) => String(Math.floor(context.switch.wallMs / 1000))],
  ['switchname', (_, { config }) => config.nodeName],
  ['uptime', uptime],
  ['uuid_exists', (args, context) => String(context.switch.hasCall(args))],
  ['uuid_kill', uuidKill],
  ['version', (args) => (args === 'short' ? `${VERSION}\n` : VERSION_TEXT)],
]);

/** Runs `NAME ARGS` as `api` and `bgapi` do; an unknown name is answered, never thrown. */
export async function runApi(line: string, context: ApiContext): Promise<string> {
  const space = line.indexOf(' ');
  const name = space < 0 ? line : line.slice(0, space);
  const args = space < 0 ? '' : line.slice(space + 1).trim();
  const handler = COMMANDS.get(name.toLowerCase());
  if (handler === undefined) return `-ERR ${name} Command not found!\n`;
  return handler(args, context);
}

function globalGetvar(name: string, { variables }: ApiContext): string {
  if (name !== '') return variables.get(name) ?? '';
  return [...variables].map(([key, value]) => `${key}=${value}\n`).join('');
}

async function msleep(args: string, context: ApiContext): Promise<string> {
  const ms = Number.parseInt(args, 10);
  if (!(ms >= 0)) return '-USAGE: <number>\n';
  await context.wait(ms);
  return '+OK';
}

function uptime(args: string, context: ApiContext): string {
  const ms = Math.floor(context.switch.uptimeMs);
  const units: Readonly<Record<string, number>> = { ms, us: ms * 1000 };
  return `${units[args] ?? Math.floor(ms / 1000)}\n`;
}

function uuidKill(args: string, context: ApiContext): string {
  const [uuid = '', cause = 'NORMAL_CLEARING'] = args.split(/\s+/);
  if (!context.switch.hasCall(uuid)) return '-ERR No such channel!\n';
  context.profile.hangup(uuid, cause);
  return '+OK\n';
}

function reload(module: string): string {
  const tail = MODULES.has(module)
    ? '+OK module unloaded\n+OK module loaded\n'
    : '-ERR unloading module [No such module!]\n' +
      '-ERR loading module [module load file routine returned an error]\n';
  return `+OK Reloading XML\n${tail}`;
}

function log(args: string, context: ApiContext): string {
  const space = args.indexOf(' ');
  const level = logLevelOf(args.slice(0, Math.max(space, 0)));
  if (level === null) return `-USAGE: <level> <message>\n`;
  context.writeLog(LOG_LEVELS.indexOf(level), args.slice(space + 1));
  return '+OK\n';
}

async function shutdown(_: string, context: ApiContext): Promise<string> {
  await context.shutdown.request('stop', false);
  return '+OK\n';
}
