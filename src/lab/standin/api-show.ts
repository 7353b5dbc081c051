import type { ApiContext } from './api-context.js';
import type { Call } from './call.js';
import { clockText } from './clock-text.js';

type Column = readonly [name: string, value: (call: Call, hostName: string) => string];

const empty = (...names: string[]): Column[] => names.map((name) => [name, () => '']);

/** What `show calls` and `show channels` share, in their order. */
const FIRST: readonly Column[] = [
  ['uuid', (call) => call.uuid],
  ['direction', () => 'inbound'],
  ['created', (call) => clockText(call.createdUs / 1000)],
  ['created_epoch', (call) => String(Math.floor(call.createdUs / 1_000_000))],
  ['name', (call) => call.channelName],
  ['state', () => 'CS_EXECUTE'],
  ['cid_name', (call) => call.callerName],
  ['cid_num', (call) => call.callerNumber],
  ['ip_addr', (call) => call.networkAddr],
  ['dest', (call) => call.destination],
];

const callstate: Column = ['callstate', (call) => (call.answeredUs > 0 ? 'ACTIVE' : 'RINGING')];
const hostname: Column = ['hostname', (_, hostName) => hostName];

const CALL_COLUMNS: readonly Column[] = [
  ...FIRST,
  ...empty('presence_id', 'presence_data', 'accountcode'),
  callstate,
  ...empty('callee_name', 'callee_num', 'callee_direction', 'call_uuid'),
  hostname,
  ...empty('sent_callee_name', 'sent_callee_num', 'b_uuid', 'b_direction', 'b_created'),
  ...empty('b_created_epoch', 'b_name', 'b_state', 'b_cid_name', 'b_cid_num', 'b_ip_addr'),
  ...empty('b_dest', 'b_presence_id', 'b_presence_data', 'b_accountcode', 'b_callstate'),
  ...empty('b_callee_name', 'b_callee_num', 'b_callee_direction', 'b_sent_callee_name'),
  ...empty('b_sent_callee_num', 'call_created_epoch'),
];

const codec = (side: string): Column[] => [
  [`${side}_codec`, () => 'PCMU'],
  [`${side}_rate`, () => '8000'],
  [`${side}_bit_rate`, () => '64000'],
];

const CHANNEL_COLUMNS: readonly Column[] = [
  ...FIRST,
  ['application', (call) => call.application],
  ['application_data', (call) => call.applicationData],
  ['dialplan', () => 'XML'],
  ['context', () => 'public'],
  ...codec('read'),
  ...codec('write'),
  ...empty('secure'),
  hostname,
  ...empty('presence_id', 'presence_data', 'accountcode'),
  callstate,
  ...empty('callee_name', 'callee_num', 'callee_direction', 'call_uuid'),
  ...empty('sent_callee_name', 'sent_callee_num'),
  ['initial_cid_name', (call) => call.callerName],
  ['initial_cid_num', (call) => call.callerNumber],
  ['initial_ip_addr', (call) => call.networkAddr],
  ['initial_dest', (call) => call.destination],
  ['initial_dialplan', () => 'XML'],
  ['initial_context', () => 'public'],
];

/** The tables we know; bridged calls and registrations are always empty here. */
const TABLES: Readonly<Record<string, readonly Column[]>> = {
  calls: CALL_COLUMNS,
  channels: CHANNEL_COLUMNS,
  bridged_calls: [],
  registrations: [],
};

const USAGE = '-USAGE: calls|channels|bridged_calls|registrations [count] [as json|xml]\n';

/** `api show TABLE [count] [as json|xml]`: late by SHOW_LAG_MS, and with the real one's many shapes. */
export function show(args: string, context: ApiContext): string {
  const [table = '', ...words] = args.toLowerCase().split(/ +/);
  const columns = TABLES[table];
  if (columns === undefined) return USAGE;
  const calls = columns.length === 0 ? [] : context.switch.shownCalls;
  const rows = calls.map((call) =>
    columns.map(([, value]) => value(call, context.config.hostName)),
  );
  const names = columns.map(([name]) => name);
  const format = words.includes('as') ? words[words.indexOf('as') + 1] : 'text';
  if (words[0] === 'count') return writeCount(rows.length, format);
  if (format === 'json') return writeJson(names, rows);
  return format === 'xml' ? writeXml(names, rows) : writeText(names, rows);
}

function writeCount(count: number, format: string | undefined): string {
  if (format === 'json') return `{"row_count":${count},"rows":[]}`;
  if (format === 'xml') return `<result row_count="${count}"/>\n`;
  return `\n${count} total.\n`;
}

function writeText(names: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return writeCount(0, 'text');
  const lines = [names, ...rows].map((row) => `${row.join(',')}\n`);
  return `${lines.join('')}\n${rows.length} total.\n`;
}

function writeJson(names: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '{"row_count": 0}\n';
  const objects = rows.map((row) =>
    Object.fromEntries(row.map((value, i): [string, string] => [names[i] ?? '', value])),
  );
  return JSON.stringify({ row_count: rows.length, rows: objects });
}

function writeXml(names: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return writeCount(0, 'xml');
  const escape = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const lines = rows.map((row, i) => {
    const cells = row.map((value, c) => `    <${names[c]}>${escape(value)}</${names[c]}>\n`);
    return `  <row row_id="${i + 1}">\n${cells.join('')}  </row>\n`;
  });
  return `<result row_count="${rows.length}">\n${lines.join('')}</result>\n`;
}
