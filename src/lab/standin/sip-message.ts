/** A header with its name in lower case and long form. */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly SipHeader[];
  readonly body: Buffer;
}

export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly SipHeader[];
  readonly body: Buffer;
}

export interface SipNothing {
  /** `keepalive`: only line ends. `malformed`: refused by `why`. */
  readonly kind: 'keepalive' | 'malformed';
  readonly why: string;
}

export type SipMessage = SipRequest | SipResponse;

export const MAX_HEADERS = 200;

const COMPACT: Readonly<Record<string, string>> = {
  b: 'referred-by',
  c: 'content-type',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
};

const REQUEST_LINE = /^([A-Za-z0-9.!%*_+`'~-]+) (\S+) SIP\/2\.0$/;
const STATUS_LINE = /^SIP\/2\.0 ([1-6]\d\d) ?(.*)$/;
const HEADER = /^([A-Za-z0-9.!%*_+`'~-]+)[ \t]*:[ \t]*(.*)$/s;
const NEEDED = ['via', 'from', 'to', 'call-id', 'cseq'];

/** Reads one datagram. Never throws: what is no SIP message is named `malformed`. */
export function parseSip(datagram: Buffer): SipMessage | SipNothing {
  const text = datagram.toString('latin1');
  if (/^[\r\n\0]*$/.test(text)) return { kind: 'keepalive', why: 'only line ends' };
  const blank = /\r?\n\r?\n/.exec(text);
  if (blank === null) return malformed('no blank line after the headers');
  const [first = '', ...lines] = text
    .slice(0, blank.index)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/);
  const headers = parseHeaders(lines);
  if (typeof headers === 'string') return malformed(headers);
  const missing = NEEDED.find((name) => !headers.some((h) => h.name === name));
  if (missing !== undefined) return malformed(`no ${missing} header`);
  const body = cutBody(datagram.subarray(blank.index + blank[0].length), headers);
  if (body === null) return malformed('body shorter than its Content-Length');
  return parseFirstLine(first, headers, body);
}

function parseFirstLine(
  first: string,
  headers: readonly SipHeader[],
  body: Buffer,
): SipMessage | SipNothing {
  const [, status, reason = ''] = STATUS_LINE.exec(first) ?? [];
  if (status !== undefined) {
    return { kind: 'response', status: Number(status), reason, headers, body };
  }
  const [, method, uri] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || uri === undefined) return malformed('bad first line');
  const request: SipRequest = { kind: 'request', method, uri, headers, body };
  const cseq = cseqOf(request);
  if (cseq?.method !== method) return malformed('CSeq does not fit the method');
  if (topVia(request) === null) return malformed('bad Via');
  if (tagOf(headerOf(request, 'from')) === null) return malformed('From without tag');
  return request;
}

function parseHeaders(lines: readonly string[]): readonly SipHeader[] | string {
  if (lines.length > MAX_HEADERS) return 'too many headers';
  const headers: SipHeader[] = [];
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined || value === undefined) return 'bad header line';
    const lower = name.toLowerCase();
    headers.push({ name: COMPACT[lower] ?? lower, value: value.trim() });
  }
  return headers;
}

/** The body as Content-Length says (all the rest without one); null when it is cut short. */
function cutBody(rest: Buffer, headers: readonly SipHeader[]): Buffer | null {
  const length = headers.find((h) => h.name === 'content-length')?.value;
  if (length === undefined) return rest;
  if (!/^\d{1,6}$/.test(length) || Number(length) > rest.length) return null;
  return rest.subarray(0, Number(length));
}

const malformed = (why: string): SipNothing => ({ kind: 'malformed', why });

/** The first header of this (lower-case) name, or ''. */
export function headerOf(message: SipMessage, name: string): string {
  return message.headers.find((h) => h.name === name)?.value ?? '';
}

/** Every value of a header that may repeat or hold a comma-separated list. */
export function valuesOf(message: SipMessage, name: string): readonly string[] {
  return message.headers.filter((h) => h.name === name).flatMap((h) => splitList(h.value));
}

/** Splits at commas that stand outside quotes and angle brackets. */
function splitList(value: string): string[] {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,"<])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** The tag parameter of a From or To value, or null. */
export function tagOf(nameAddr: string): string | null {
  const params = nameAddr.slice(nameAddr.lastIndexOf('>') + 1);
  return /;\s*tag\s*=\s*([^;\s]+)/i.exec(params)?.[1] ?? null;
}

/** The URI inside a name-addr (with or without angle brackets). */
export function uriOf(nameAddr: string): string {
  return /<([^>]*)>/.exec(nameAddr)?.[1] ?? nameAddr.split(';')[0]?.trim() ?? '';
}

/** The display name of a name-addr, or ''. */
export function displayOf(nameAddr: string): string {
  const before = nameAddr.includes('<') ? nameAddr.slice(0, nameAddr.indexOf('<')).trim() : '';
  return before.replace(/^"(.*)"$/, '$1');
}

export interface SipUri {
  readonly user: string;
  readonly host: string;
  /** 5060 when the URI names none. */
  readonly port: number;
  readonly params: string;
}

/** The parts of a sip: URI, or null when it is none. */
export function parseUri(uri: string): SipUri | null {
  const match = /^sips?:(?:([^@;?]*)@)?(\[[^\]]+\]|[^:;?]+)(?::(\d{1,5}))?((?:;[^?]*)?)/i.exec(uri);
  if (match === null) return null;
  const [, user = '', host = '', port, params = ''] = match;
  return { user, host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 5060), params };
}

export function cseqOf(
  message: SipMessage,
): { readonly number: number; readonly method: string } | null {
  const [, number, method] = /^(\d{1,10})\s+(\S+)$/.exec(headerOf(message, 'cseq')) ?? [];
  return number === undefined || method === undefined ? null : { number: Number(number), method };
}

export interface Via {
  readonly host: string;
  readonly port: number | null;
  /** Values of parameters; '' for one without a value. Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
  readonly text: string;
}

/** The topmost Via, or null when it cannot be read. */
export function topVia(message: SipMessage): Via | null {
  const text = valuesOf(message, 'via')[0];
  const match =
    /^SIP\s*\/\s*2\.0\s*\/\s*\w+\s+(\[[^\]]+\]|[^:;\s]+)\s*(?::\s*(\d{1,5}))?\s*((?:;.*)?)$/i.exec(
      text ?? '',
    );
  if (text === undefined || match === null) return null;
  const [, host = '', port, rest = ''] = match;
  const params = rest
    .split(';')
    .map((param) => param.trim())
    .filter((param) => param !== '')
    .map((param): [string, string] => {
      const [name = '', ...value] = param.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim()];
    });
  return { host, port: port === undefined ? null : Number(port), params: new Map(params), text };
}
