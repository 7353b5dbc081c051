import assert from 'node:assert/strict';
import { MediaSwitch } from '../../../src/lab/standin/media-switch.js';
import { headerOf, parseSip, valuesOf } from '../../../src/lab/standin/sip-message.js';
import type { SipRequest, SipResponse } from '../../../src/lab/standin/sip-message.js';
import type { SipAddress } from '../../../src/lab/standin/sip-response.js';
import type { Uas } from '../../../src/lab/standin/uas.js';
import { FakeTime } from './fake-timers.js';
import { testConfig } from './running.js';
import { testUas } from './test-uas.js';

export const DISPATCHER: SipAddress = { host: '127.0.0.20', port: 5060 };
export const OTHER: SipAddress = { host: '127.0.0.21', port: 5061 };
export const EDGE = { host: '127.0.0.10', port: 5060 };
const CALLER_ROUTE = '<sip:127.0.0.10;lr;leg=a>';

export const sdp = (name: string, direction = 'sendrecv'): string =>
  `v=0\r\no=${name} 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n` +
  `m=audio 4000 RTP/AVP 0 96\r\na=${direction}\r\n`;

export interface Sent {
  readonly message: SipRequest | SipResponse;
  readonly first: string;
  readonly to: SipAddress;
  readonly atMs: number;
}

const firstLine = (message: SipRequest | SipResponse): string =>
  message.kind === 'request'
    ? `${message.method} ${message.uri}`
    : `${message.status} ${headerOf(message, 'cseq').split(' ')[1] ?? ''}`;

export interface InviteChange {
  readonly user?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly callId?: string;
  readonly maxForwards?: number;
}

export interface AnswerParts {
  readonly tag?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

export interface InDialogParts {
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly cseq?: number;
}

/** Each of `take`, `invite`, `answer`, `pickUp`, `inDialog` returns the first lines of what is sent at once. */
export interface BridgeBench {
  readonly time: FakeTime;
  readonly core: MediaSwitch;
  readonly uas: Uas;
  readonly sent: readonly Sent[];
  readonly events: readonly string[];
  take(text: string, from: SipAddress): string[];
  /** The last thing sent whose first line fits. */
  last(pattern: RegExp): Sent;
  lastRequest(pattern: RegExp): SipRequest;
  firsts(from?: number): string[];
  invite(parts?: InviteChange): string[];
  answer(to: SipRequest, status: number, parts?: AnswerParts): string[];
  pickUp(to: SipRequest, name?: string, tag?: string): string[];
  inDialog(method: string, side: 'ann' | SipRequest, parts?: InDialogParts): string[];
  callUp(): SipRequest;
  meet(invited: SipRequest, name: string): void;
}

/** A media node over fake time, with a caller's and a called phone's messages written by hand. */
export function bridgeBench(change: { readonly maxSessions?: number } = {}): BridgeBench {
  const time = new FakeTime();
  const core = new MediaSwitch(testConfig(change), time);
  const sent: Sent[] = [];
  const events: string[] = [];
  core.bus.subscribe((event) => {
    const direction = event.headers.find(([name]) => name === 'Call-Direction')?.[1] ?? '';
    events.push(`${direction} ${event.name}`);
  });
  const uas = testUas(core, time, (bytes, to) => {
    const message = parseSip(bytes);
    assert.ok(message.kind === 'request' || message.kind === 'response', bytes.toString());
    sent.push({ message, first: firstLine(message), to, atMs: time.nowMs });
  });
  const take = (text: string, from: SipAddress): string[] => {
    const before = sent.length;
    uas.receive(Buffer.from(text, 'latin1'), from);
    return sent.slice(before).map((s) => s.first);
  };
  const last = (pattern: RegExp): Sent => {
    const found = sent.findLast((s) => pattern.test(s.first));
    assert.ok(found !== undefined, `nothing like ${String(pattern)} was sent`);
    return found;
  };
  const lastRequest = (pattern: RegExp): SipRequest => {
    const { message } = last(pattern);
    assert.ok(message.kind === 'request');
    return message;
  };

  let nextBranch = 0;
  const request = (
    method: string,
    uri: string,
    headers: readonly string[],
    body = '',
    branch = `z9hG4bK-p${(nextBranch += 1)}`,
  ): string =>
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.20:5060;branch=${branch}`,
      ...headers,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');

  /** The caller's INVITE for `user`, through the dispatcher. */
  const invite = (parts: InviteChange = {}): string[] =>
    take(
      request(
        'INVITE',
        `sip:${parts.user ?? 'bob'}@carna.test`,
        [
          `Record-Route: ${CALLER_ROUTE}`,
          'From: "Ann" <sip:ann@carna.test>;tag=ann-1',
          `To: <sip:${parts.user ?? 'bob'}@carna.test>`,
          `Call-ID: ${parts.callId ?? 'call-a'}`,
          'CSeq: 1 INVITE',
          'Contact: <sip:ann@10.1.1.1:5070>',
          `Max-Forwards: ${parts.maxForwards ?? 68}`,
          ...(parts.headers ?? [
            'X-Carna-Call: call-a',
            'X-Carna-User: ann@carna.test',
            'X-Carna-Back: <sip:127.0.0.20:5060>',
            'X-Carna-Back-2: sip:127.0.0.21:5061',
            'P-Asserted-Identity: <sip:ann@carna.test>',
          ]),
        ],
        parts.body ?? sdp('ann'),
        `z9hG4bK-inv-${parts.callId ?? 'call-a'}`,
      ),
      DISPATCHER,
    );

  /** An answer of the far end to a request of ours. */
  const answer = (to: SipRequest, status: number, parts: AnswerParts = {}): string[] => {
    const toValue = headerOf(to, 'to');
    const tag = status === 100 || /;tag=/.test(toValue) ? '' : `;tag=${parts.tag ?? 'bob-1'}`;
    const body = parts.body ?? '';
    const lines = [
      `SIP/2.0 ${status} Status ${status}`,
      ...valuesOf(to, 'via').map((via) => `Via: ${via}`),
      `From: ${headerOf(to, 'from')}`,
      `To: ${toValue}${tag}`,
      `Call-ID: ${headerOf(to, 'call-id')}`,
      `CSeq: ${headerOf(to, 'cseq')}`,
      ...(parts.headers ?? []),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ];
    return take(lines.join('\r\n'), DISPATCHER);
  };

  /** The called phone's answer, with its route and Contact. */
  const pickUp = (to: SipRequest, name = 'bob', tag = `${name}-1`): string[] =>
    answer(to, 200, {
      tag,
      headers: [
        'Record-Route: <sip:127.0.0.11;lr;leg=b>, <sip:127.0.0.10;lr;leg=b>',
        `Contact: <sip:${name}@10.2.2.2:5080>`,
      ],
      body: sdp(name),
    });

  const cseqs: Record<string, number> = { ann: 1 };
  /** A request within the caller's dialog (`ann`) or within one that we began (by its INVITE). */
  const inDialog = (
    method: string,
    side: 'ann' | SipRequest,
    parts: InDialogParts = {},
  ): string[] => {
    const isAnn = side === 'ann';
    const name = isAnn ? 'ann' : headerOf(side, 'call-id');
    const cseq = parts.cseq ?? (cseqs[name] ?? 0) + (method === 'ACK' ? 0 : 1);
    cseqs[name] = cseq;
    const annTo = (): string =>
      headerOf(
        sent.findLast((s) => /^(?:18\d|200) INVITE/.test(s.first) && isToAnn(s))?.message ?? none,
        'to',
      );
    const peer = isAnn ? '' : (peers.get(name) ?? '');
    const headers = isAnn
      ? ['From: "Ann" <sip:ann@carna.test>;tag=ann-1', `To: ${annTo()}`, 'Call-ID: call-a']
      : [`From: ${peer}`, `To: ${headerOf(side, 'from')}`, `Call-ID: ${name}`];
    return take(
      request(
        method,
        'sip:mod_sofia@127.0.0.1:5060',
        [...headers, `CSeq: ${cseq} ${method}`, 'Max-Forwards: 69', ...(parts.headers ?? [])],
        parts.body,
      ),
      EDGE,
    );
  };
  const isToAnn = (s: Sent): boolean => headerOf(s.message, 'call-id') === 'call-a';
  const none: SipRequest = { kind: 'request', method: '', uri: '', headers: [], body: Buffer.of() };
  const peers = new Map<string, string>();

  /** A call from ann to bob that is up on both sides: the INVITE that bob got. */
  const callUp = (): SipRequest => {
    invite();
    const bob = lastRequest(/^INVITE sip:bob/);
    answer(bob, 180);
    pickUp(bob);
    meet(bob, 'bob');
    inDialog('ACK', 'ann', { cseq: 1 });
    return bob;
  };
  /** From now on requests of this dialog's far end can be written. */
  const meet = (invited: SipRequest, name: string): void =>
    void peers.set(headerOf(invited, 'call-id'), `${headerOf(invited, 'to')};tag=${name}-1`);

  const firsts = (from = 0): string[] => sent.slice(from).map((s) => s.first);
  return {
    ...{ time, core, uas, sent, events, take, last, lastRequest, firsts },
    ...{ invite, answer, pickUp, inDialog, callUp, meet },
  };
}

/** The body of a message as text. */
export const bodyText = (s: Sent): string => s.message.body.toString('latin1');
