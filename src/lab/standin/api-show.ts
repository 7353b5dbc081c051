import type { ApiContext } from './api-context.js';
import type { Call } from './call.js';
import { clockText } from './clock-text.js';

/** What a row's columns are read from. */
interface Row {
  readonly call: Call;
  /** The other channel of its bridge. */
  readonly other: Call | null;
  readonly hostName: string;
}

type Column = readonly [name: string, value: (row: Row) => string];

const empty = (...names: string[]): Column[] => names.map((name) => [name, () => '']);

/** What `show calls` and `show channels` share, in their order. */
const FIRST: readonly Column[] = [
  ['uuid', ({ call }) => call.uuid],
  ['direction', ({ call }) => call.direction],
  ['created', ({ call }) => clockText(call.createdUs / 1000)],
  ['created_epoch', ({ call }) => epoch(call)],
  ['name', ({ call }) => call.channelName],
  ['state', ({ call }) => stateOf(call)],
  ['cid_name', ({ call }) => call.callerName],
  ['cid_num', ({ call }) => call.callerNumber],
  ['ip_addr', ({ call }) => call.networkAddr],
  ['dest', ({ call }) => call.destination],
];

const epoch = (call: Call): string => String(Math.floor(call.createdUs / 1_000_000));

/** Of an outbound channel that still rings no recording tells the state. */
const stateOf = (call: Call): string => {
  if (call.direction === 'inbound') return 'CS_EXECUTE';
  return call.bridge === null ? '' : 'CS_EXCHANGE_MEDIA';
};

const callstateOf = (call: Call): string => (call.answeredUs > 0 ? 'ACTIVE' : 'RINGING');
const callstate: Column = ['callstate', ({ call }) => callstateOf(call)];
const hostname: Column = ['hostname', ({ hostName }) => hostName];

const calleeOf = ({ call, other }: Row): Call | null =>
  call.bridge?.side === 'callee' ? call : other;

/** Columns that only a bridged channel fills, as recorded. */
const bridged = (name: string, value: (row: Row) => string): Column => [
  name,
  (row) => (row.other === null ? '' : value(row)),
];

const CALLEE: readonly Column[] = [
  bridged('callee_name', () => 'Outbound Call'),
  bridged('callee_num', (row) => calleeOf(row)?.destination ?? ''),
  bridged('callee_direction', () => 'SEND'),
  bridged('call_uuid', ({ call }) => call.callUuid),
];
/** What was told of the other party: the caller hears of the callee, the callee of the caller. */
const SENT: readonly Column[] = [
  bridged('sent_callee_name', ({ call }) =>
    call.bridge?.side === 'callee' ? call.callerName : 'Outbound Call',
  ),
  bridged('sent_callee_num', ({ call, other }) =>
    call.bridge?.side === 'callee' ? call.callerNumber : (other?.destination ?? ''),
  ),
];

/** A column of the callee's channel in the row of its caller. */
const b = (name: string, value: (other: Call) => string): Column => [
  `b_${name}`,
  ({ other }) => (other === null ? '' : value(other)),
];

const CALL_COLUMNS: readonly Column[] = [
  ...FIRST,
  ...empty('presence_id', 'presence_data', 'accountcode'),
  callstate,
  ...CALLEE,
  hostname,
  ...SENT,
  b('uuid', (other) => other.uuid),
  b('direction', (other) => other.direction),
  b('created', (other) => clockText(other.createdUs / 1000)),
  b('created_epoch', epoch),
  b('name', (other) => other.channelName),
  b('state', stateOf),
  b('cid_name', (other) => other.callerName),
  b('cid_num', (other) => other.callerNumber),
  b('ip_addr', (other) => other.networkAddr),
  b('dest', (other) => other.destination),
  ...empty('b_presence_id', 'b_presence_data', 'b_accountcode'),
  b('callstate', callstateOf),
  b('callee_name', () => 'Outbound Call'),
  b('callee_num', (other) => other.destination),
  b('callee_direction', () => 'SEND'),
  b('sent_callee_name', (other) => other.callerName),
  b('sent_callee_num', (other) => other.callerNumber),
  bridged('call_created_epoch', ({ call }) => epoch(call)),
];

const codec = (side: string): Column[] => [
  [`${side}_codec`, () => 'PCMU'],
  [`${side}_rate`, () => '8000'],
  [`${side}_bit_rate`, () => '64000'],
];

const CHANNEL_COLUMNS: readonly Column[] = [
  ...FIRST,
  ['application', ({ call }) => call.application],
  ['application_data', ({ call }) => call.applicationData],
  ['dialplan', () => 'XML'],
  ['context', () => 'public'],
  ...codec('read'),
  ...codec('write'),
  ...empty('secure'),
  hostname,
  ...empty('presence_id', 'presence_data', 'accountcode'),
  callstate,
  ...CALLEE,
  ...SENT,
  ['initial_cid_name', ({ call }) => call.callerName],
  ['initial_cid_num', ({ call }) => call.callerNumber],
  ['initial_ip_addr', ({ call }) => call.networkAddr],
  ['initial_dest', ({ call }) => call.destination],
  ['initial_dialplan', () => 'XML'],
  ['initial_context', () => 'public'],
];

/** The tables we know; registrations are always empty here. */
const TABLES: Readonly<Record<string, readonly Column[]>> = {
  calls: CALL_COLUMNS,
  channels: CHANNEL_COLUMNS,
  bridged_calls: CALL_COLUMNS,
  registrations: [],
};

const USAGE = '-USAGE: calls|channels|bridged_calls|registrations [count] [as json|xml]\n';

/** `api show TABLE [count] [as json|xml]`: late by SHOW_LAG_MS, and with the real one's many shapes. */
export function show(args: string, context: ApiContext): string {
  const [table = '', ...words] = args.toLowerCase().split(/ +/);
  const columns = TABLES[table];
  if (columns === undefined) return USAGE;
  const rows = rowsOf(table, context).map((row) => columns.map(([, value]) => value(row)));
  const names = columns.map(([name]) => name);
  const format = words.includes('as') ? words[words.indexOf('as') + 1] : 'text';
  // The real one has no count of bridged calls: it gives the whole table.
  if (words[0] === 'count' && table !== 'bridged_calls') return writeCount(rows.length, format);
  if (format === 'json') return writeJson(names, rows);
  return format === 'xml' ? writeXml(names, rows) : writeText(names, rows);
}

/** A bridged pair is two channels and one call: that of its caller. */
function rowsOf(table: string, context: ApiContext): readonly Row[] {
  if (table === 'registrations') return [];
  const { shownCalls } = context.switch;
  const byUuid = new Map(shownCalls.map((call) => [call.uuid, call]));
  const rows = shownCalls.map((call): Row => {
    const other = byUuid.get(call.bridge?.uuid ?? '') ?? null;
    return { call, other, hostName: context.config.hostName };
  });
  if (table === 'channels') return rows;
  const isBridged = table === 'bridged_calls';
  return rows.filter(({ call, other }) =>
    isBridged ? other !== null && call.bridge?.side === 'caller' : isOwnRow(call, other),
  );
}

const isOwnRow = (call: Call, other: Call | null): boolean =>
  other === null || call.bridge?.side === 'caller';

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
