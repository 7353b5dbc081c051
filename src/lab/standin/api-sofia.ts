import type { ApiContext } from './api-context.js';
import type { ProfilePort } from './profile-port.js';

const RULE = '='.repeat(97);
const XML_HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n';
/** A profile refuses to be stopped in its first seconds. */
const MIN_UP_MS = 10_000;
const USAGE = '-USAGE: status|xmlstatus|jsonstatus|profile|recover\n';

const PROFILE_START = { file: 'sofia.c', function: 'config_sofia', line: 6343 };

/** `api sofia ...`: the state of the one SIP profile, and its stop and start. */
export async function sofia(args: string, context: ApiContext): Promise<string> {
  const [verb = '', kind = '', name = ''] = args.split(/ +/);
  switch (verb) {
    case 'status':
    case 'xmlstatus':
      return kind === '' ? writeList(verb, context) : writeOne(verb, kind, name, context);
    case 'jsonstatus':
      return writeJson(context);
    case 'recover':
      return 'No calls to recover.\n';
    case 'profile':
      return controlProfile(kind, name, context);
    default:
      return USAGE;
  }
}

function writeList(verb: 'status' | 'xmlstatus', { profile, switch: core }: ApiContext): string {
  const state = `RUNNING (${core.active})`;
  if (verb === 'xmlstatus') {
    const entry =
      `<profile>\n<name>${profile.name}</name>\n<type>profile</type>\n` +
      `<data>${profile.url}</data>\n<state>${state}</state>\n</profile>\n`;
    return `${XML_HEAD}<profiles>\n${profile.isRunning ? entry : ''}</profiles>\n`;
  }
  const line = (a: string, b: string, c: string, d: string): string =>
    `${a.padStart(25)}\t${b}\t  ${c.padStart(40)}\t${d}\n`;
  const entry = line(profile.name, 'profile', profile.url, state);
  return (
    `${line('Name', '   Type', 'Data', 'State')}${RULE}\n` +
    `${profile.isRunning ? entry : ''}${RULE}\n${profile.isRunning ? 1 : 0} profiles 0 aliases\n`
  ).replace('1 profiles', '1 profile');
}

function writeOne(
  verb: 'status' | 'xmlstatus',
  kind: string,
  name: string,
  context: ApiContext,
): string {
  if (kind === 'gateway') return 'Invalid Gateway!\n';
  if (kind !== 'profile') return USAGE;
  const { profile } = context;
  if (name !== profile.name || !profile.isRunning) return 'Invalid Profile!\n';
  const facts = profileFacts(context);
  if (verb === 'status') {
    const lines = facts.flatMap((f) =>
      f.text === null ? [] : `${f.text.padEnd(17)}\t${f.value}\n`,
    );
    return `${RULE}\n${lines.join('')}`;
  }
  const byTag = facts.flatMap((f) => (f.tag === null ? [] : { tag: f.tag, value: f.value }));
  const lines = byTag
    .sort((a, b) => XML_LAST.indexOf(a.tag) - XML_LAST.indexOf(b.tag))
    .map(({ tag, value }) => `    <${tag}>${value}</${tag}>\n`);
  return `${XML_HEAD}<profile>\n  <profile-info>\n${lines.join('')}  </profile-info>\n</profile>\n`;
}

/** XML has its counters in another order than the text. */
const XML_LAST = ['calls-in', 'calls-out', 'failed-calls-in', 'failed-calls-out', 'registrations'];

interface ProfileFact {
  readonly text: string | null;
  readonly tag: string | null;
  readonly value: string;
}

function profileFacts({ profile }: ApiContext): readonly ProfileFact[] {
  const fact = (text: string, tag: string, value: string | number): ProfileFact => ({
    text,
    tag,
    value: String(value),
  });
  return [
    fact('Name', 'name', profile.name),
    fact('Domain Name', 'domain-name', 'N/A'),
    fact('Auto-NAT', 'auto-nat', 'false'),
    fact('DBName', 'db-name', `sofia_reg_${profile.name}`),
    fact('Pres Hosts', 'pres-hosts', ''),
    fact('Dialplan', 'dialplan', 'XML'),
    fact('Context', 'context', 'public'),
    fact('Challenge Realm', 'challenge-realm', 'auto_to'),
    fact('RTP-IP', 'rtp-ip', profile.host),
    fact('SIP-IP', 'sip-ip', profile.host),
    fact('URL', 'url', profile.url),
    fact('BIND-URL', 'bind-url', `${profile.url};transport=udp,tcp`),
    fact('HOLD-MUSIC', 'hold-music', 'N/A'),
    fact('OUTBOUND-PROXY', 'outbound-proxy', 'N/A'),
    fact('CODECS IN', 'inbound-codecs', 'PCMU,PCMA'),
    fact('CODECS OUT', 'outbound-codecs', 'PCMU,PCMA'),
    fact('TEL-EVENT', 'tel-event', 101),
    fact('DTMF-MODE', 'dtmf-mode', 'rfc2833'),
    fact('CNG', 'cng', 13),
    fact('SESSION-TO', 'session-to', 0),
    fact('MAX-DIALOG', 'max-dialog', 0),
    fact('MAX-RECV-RPS', 'max-recv-rps', 1000),
    fact('NOMEDIA', 'nomedia', 'false'),
    fact('LATE-NEG', 'late-neg', 'false'),
    fact('PROXY-MEDIA', 'proxy-media', 'false'),
    fact('AGGRESSIVENAT', 'aggressive-nat', 'false'),
    fact('CALLS-IN', 'calls-in', profile.callsIn),
    fact('FAILED-CALLS-IN', 'failed-calls-in', profile.failedCallsIn),
    fact('CALLS-OUT', 'calls-out', profile.callsOut),
    fact('FAILED-CALLS-OUT', 'failed-calls-out', profile.failedCallsOut),
    fact('REGISTRATIONS', 'registrations', 0),
  ];
}

/** cJSON's own layout: tabs, and a tab after each colon. */
function writeJson({ profile, switch: core }: ApiContext): string {
  if (!profile.isRunning) return '{\n\t"profiles":\t{\n\t}\n}\n';
  const status = [
    ['type', '"profile"'],
    ['state', '"RUNNING"'],
    ['in-use', String(core.active)],
    ['data', `"${profile.url}"`],
  ];
  const info = [
    ['domain-name', '"N/A"'],
    ['auto-nat', '"false"'],
    ['db-name', `"sofia_reg_${profile.name}"`],
    ['pres-hosts', '""'],
    ['dialplan', '"XML"'],
    ['context', '"public"'],
    ['challenge-realm', '"auto_to"'],
    ['rtp-ip', `["${profile.host}"]`],
    ['sip-ip', `"${profile.host}"`],
    ['ext-sip-ip', '""'],
    ['url', `"${profile.url}"`],
    ['bind-url', `"${profile.url};transport=udp,tcp"`],
    ['hold-music', '""'],
    ['outbound-proxy', '"N/A"'],
  ];
  const block = (rows: readonly (readonly string[])[]): string =>
    rows.map(([key, value]) => `\t\t\t\t"${key}":\t${value}`).join(',\n');
  return (
    `{\n\t"profiles":\t{\n\t\t"${profile.name}":\t{\n` +
    `\t\t\t"status":\t{\n${block(status)}\n\t\t\t},\n` +
    `\t\t\t"info":\t{\n${block(info)}\n\t\t\t}\n\t\t}\n\t}\n}\n`
  );
}

async function controlProfile(name: string, verb: string, context: ApiContext): Promise<string> {
  const { profile } = context;
  if (verb === 'start') return startProfile(name, context);
  if (name !== profile.name || !profile.isRunning) return `Invalid Profile [${name}]`;
  if (verb !== 'stop' && verb !== 'restart') return USAGE;
  const upMs = context.switch.monoMs - profile.startedMonoMs;
  if (upMs < MIN_UP_MS) return tooYoung(profile, upMs);
  // The real one answers first and stops in its own time.
  void restart(verb, profile, context);
  return `Reload XML [Success]\n${verb === 'stop' ? 'stopping' : 'restarting'}: ${profile.name}`;
}

async function restart(verb: string, profile: ProfilePort, context: ApiContext): Promise<void> {
  await profile.stop();
  if (verb === 'restart') await startProfile(profile.name, context);
}

async function startProfile(name: string, context: ApiContext): Promise<string> {
  const { profile } = context;
  if (name !== profile.name) return `Reload XML [Success]\nFailure starting ${name}\n`;
  const isNew = !profile.isRunning;
  if (!(await profile.start())) return `Reload XML [Success]\nFailure starting ${name}\n`;
  if (isNew) {
    context.switch.bus.emitCustom('sofia::profile_start', PROFILE_START, {
      after: [
        ['module_name', 'mod_sofia'],
        ['profile_name', profile.name],
        ['profile_uri', profile.url],
      ],
    });
  }
  return `Reload XML [Success]\n${name} started successfully\n`;
}

function tooYoung(profile: ProfilePort, upMs: number): string {
  const left = 10 - Math.floor(upMs / 1000);
  return (
    `Profile ${profile.name} must be up for at least 10 seconds to stop/restart.\n` +
    `Please wait ${left} second${left === 1 ? '' : 's'}\n`
  );
}
