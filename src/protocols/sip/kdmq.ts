import { isIP } from 'node:net';
import { InvalidInputError } from '../../util/errors.js';
import type { Exchanged } from './exchange.js';
import { exchange } from './exchange.js';
import type { OptionsRequest } from './message.js';
import { branchOf, bracketed, hostPort, token } from './message.js';

/**
 * Kamailio's DMQ bus in its own words: KDMQ requests to a member's port. The user of the Request-URI names
 * the part that is spoken to, the URI in From the member for which one speaks.
 */
export interface KdmqMessage {
  readonly channel: 'notification_peer' | 'usrloc';
  /** `sip:host:port` of the member that speaks. */
  readonly from: string;
  readonly contentType: string;
  readonly body: string;
}

export interface BusAddress {
  readonly host: string;
  readonly port: number;
}

/** A member that keeps silent for so long is asked no further. */
const MAX_MEMBERS = 1_000;
const NOTIFICATION = 'text/plain';
/** `{"action":3}` (DMQ_SYNC of dmq_usrloc): all contacts, please, to the member in From. */
const SYNC_BODY = '{"action":3}';

/**
 * Names members, each as active. Kamailio loses the last character of a line without its end, and a name
 * that it cannot resolve makes it hold its list's lock for ever: only addresses may stand here. Throws
 * InvalidInputError for anything else. Pure.
 */
export function notification(from: string, members: readonly string[]): KdmqMessage {
  const lines = members.map((member) => `${uriOf(parseBusAddress(member))};status=active\r\n`);
  return { channel: 'notification_peer', from, contentType: NOTIFICATION, body: lines.join('') };
}

/** Asks for all contacts, to be sent to the member that speaks. Its answer comes after the last of them. Pure. */
export function syncRequest(from: string): KdmqMessage {
  return { channel: 'usrloc', from, contentType: 'application/json', body: SYNC_BODY };
}

/** Reads `sip:host:port`. Throws InvalidInputError when it is none or its host is a name. Pure. */
export function parseBusAddress(uri: string): BusAddress {
  const match = /^sip:(\[[0-9a-fA-F:.]+\]|[0-9.]+):(\d{1,5})$/.exec(uri);
  const host = (match?.[1] ?? '').replace(/^\[|\]$/g, '');
  if (match === null || isIP(host) === 0) {
    throw new InvalidInputError('DMQ address', `${JSON.stringify(uri)} is no sip:address:port`);
  }
  return { host, port: Number(match[2]) };
}

/** The text of the request. Throws InvalidInputError for an unusable host or token. Pure. */
export function buildKdmq(message: KdmqMessage, request: OptionsRequest): string {
  const target = hostPort(request.targetHost, request.targetPort);
  const local = hostPort(request.localHost, request.localPort);
  const { host, port } = parseBusAddress(message.from);
  const to = `sip:${message.channel}@${target}`;
  return [
    `KDMQ ${to} SIP/2.0`,
    `Via: SIP/2.0/UDP ${local};branch=${branchOf(request)};rport`,
    // Decreased by the receiver: what it learns from us it does not tell the others.
    'Max-Forwards: 1',
    `From: <sip:${message.channel}@${hostPort(host, port)}>;tag=${token(request.fromTag)}`,
    `To: <${to}>`,
    `Call-ID: ${token(request.callId)}@${bracketed(request.localHost)}`,
    `CSeq: ${request.cseq} KDMQ`,
    `Content-Type: ${message.contentType}`,
    `Content-Length: ${Buffer.byteLength(message.body)}`,
    '',
    message.body,
  ].join('\r\n');
}

/** The members that a notification or its answer names as active. Lines that are none are left out. Pure. */
export function activeMembers(body: string): string[] {
  return body
    .split(/\r?\n/, MAX_MEMBERS)
    .flatMap((line) => /^(sip:[^;]+:\d+);(?:.*;)?status=active/.exec(line)?.[1] ?? []);
}

export interface KdmqOptions {
  /** The address to send from; where it is not ours, the system chooses. */
  readonly localHost: string;
  readonly timeoutMs: number;
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly monoMs: () => number;
}

/**
 * Sends one message to the member at `to` and waits for its final answer. A request to sync is sent once:
 * Kamailio would do a repeated one again. Never rejects for what the network does; throws InvalidInputError.
 */
export async function sendKdmq(
  to: string,
  message: KdmqMessage,
  options: KdmqOptions,
): Promise<Exchanged> {
  const { timeoutMs, random, monoMs } = options;
  const request = {
    target: parseBusAddress(to),
    timeoutMs,
    method: 'KDMQ',
    build: (ids: OptionsRequest) => buildKdmq(message, ids),
    isRepeatable: message.channel === 'notification_peer',
    random,
    monoMs,
  };
  const result = await exchange({ ...request, localHost: options.localHost });
  return result.kind === 'silent' && result.isLocal ? exchange(request) : result;
}

function uriOf({ host, port }: BusAddress): string {
  return `sip:${hostPort(host, port)}`;
}
