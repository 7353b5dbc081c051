import { cutText } from '../../util/cut-text.js';
import { InvalidInputError, ProtocolError } from '../../util/errors.js';

/** A longer datagram is refused unread. */
export const MAX_MESSAGE_BYTES = 65_535;

/** What identifies one request and its answer. Tokens of letters, digits and `-`. */
export interface OptionsRequest {
  /** Where it goes: the host and port of the Request-URI. */
  readonly targetHost: string;
  readonly targetPort: number;
  /** Where the answer shall come back to. */
  readonly localHost: string;
  readonly localPort: number;
  /** Without the magic cookie, which is put before it. */
  readonly branchToken: string;
  readonly fromTag: string;
  readonly callId: string;
  readonly cseq: number;
}

/** A response as far as a ping needs it. Header names are in lower case and in their long form. */
export interface SipResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly SipHeader[];
}

export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

const MAGIC_COOKIE = 'z9hG4bK';
/** RFC 3261 section 7.3.3, as far as matching needs it. */
const LONG_NAME = new Map(Object.entries({ v: 'via', i: 'call-id', f: 'from', t: 'to' }));

/** The text of an OPTIONS over UDP (RFC 3261 section 11). Throws InvalidInputError for an unusable host or token. */
export function buildOptions(request: OptionsRequest): string {
  const target = hostPort(request.targetHost, request.targetPort);
  const local = hostPort(request.localHost, request.localPort);
  const callId = `${token(request.callId)}@${bracketed(request.localHost)}`;
  return [
    `OPTIONS sip:${target} SIP/2.0`,
    `Via: SIP/2.0/UDP ${local};branch=${branchOf(request)};rport`,
    'Max-Forwards: 70',
    `From: <sip:ping@${local}>;tag=${token(request.fromTag)}`,
    `To: <sip:${target}>`,
    `Call-ID: ${callId}`,
    `CSeq: ${request.cseq} OPTIONS`,
    `Contact: <sip:ping@${local}>`,
    'Accept: application/sdp',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** True when `response` answers exactly this request: branch of the top Via, Call-ID and CSeq agree. */
export function answers(
  response: SipResponse,
  request: OptionsRequest,
  method = 'OPTIONS',
): boolean {
  const via = headerOf(response, 'via') ?? '';
  const branch = /;\s*branch\s*=\s*([^\s;,]+)/i.exec(via)?.[1];
  const cseq = /^(\d+)\s+(\S+)$/.exec(headerOf(response, 'cseq') ?? '');
  return (
    branch === branchOf(request) &&
    headerOf(response, 'call-id') === `${request.callId}@${bracketed(request.localHost)}` &&
    Number(cseq?.[1]) === request.cseq &&
    cseq?.[2] === method
  );
}

/** The first header of that name (lower case), or undefined. */
export function headerOf(response: SipResponse, name: string): string | undefined {
  return response.headers.find((header) => header.name === name)?.value;
}

/** Reads a response's status line and headers. Throws ProtocolError for anything else. */
export function parseResponse(datagram: Buffer): SipResponse {
  if (datagram.length > MAX_MESSAGE_BYTES) {
    throw new ProtocolError(`SIP message of ${datagram.length} bytes`);
  }
  const text = datagram.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw new ProtocolError(`no end of the SIP headers: ${excerpt(text)}`);
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const line = /^SIP\/2\.0 ([1-6]\d\d) ?(.*)$/.exec(first);
  if (line === null) throw new ProtocolError(`no SIP status line: ${excerpt(first)}`);
  return { status: Number(line[1]), reason: line[2] ?? '', headers: readHeaders(lines) };
}

/** What follows the headers; empty when nothing does. */
export function bodyOf(datagram: Buffer): string {
  const text = datagram.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? '' : text.slice(end + 4);
}

function readHeaders(lines: readonly string[]): SipHeader[] {
  const headers: SipHeader[] = [];
  for (const line of lines) {
    const previous = headers.at(-1);
    if (/^[ \t]/.test(line) && previous !== undefined) {
      headers[headers.length - 1] = {
        ...previous,
        value: `${previous.value} ${line.trim()}`.trim(),
      };
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (!/^[a-z0-9\-.!%*_+`'~]+$/.test(name)) {
      throw new ProtocolError(`no SIP header: ${excerpt(line)}`);
    }
    headers.push({ name: LONG_NAME.get(name) ?? name, value: line.slice(colon + 1).trim() });
  }
  return headers;
}

/** The branch of the top Via. Throws InvalidInputError for an unusable token. */
export function branchOf(request: OptionsRequest): string {
  return `${MAGIC_COOKIE}${token(request.branchToken)}`;
}

/** `host:port` as it stands in a URI. Throws InvalidInputError for what cannot stand there. */
export function hostPort(host: string, port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new InvalidInputError('SIP port', `${port} is not within 1..65535`);
  }
  return `${bracketed(host)}:${port}`;
}

/** An IPv6 address in brackets, any other host as it is. Throws InvalidInputError. */
export function bracketed(host: string): string {
  if (!/^[A-Za-z0-9.:_-]+$/.test(host)) {
    throw new InvalidInputError('SIP host', `${JSON.stringify(host)} is no name or address`);
  }
  return host.includes(':') ? `[${host}]` : host;
}

/** The text, when it is a token. Throws InvalidInputError. */
export function token(text: string): string {
  if (!/^[A-Za-z0-9-]+$/.test(text)) throw new InvalidInputError('SIP token', JSON.stringify(text));
  return text;
}

function excerpt(text: string): string {
  return JSON.stringify(cutText(text, 60));
}
