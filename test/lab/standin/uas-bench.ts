import { MediaSwitch } from '../../../src/lab/standin/media-switch.js';
import type { SipAddress } from '../../../src/lab/standin/sip-response.js';
import type { Uas } from '../../../src/lab/standin/uas.js';
import { FakeTime } from './fake-timers.js';
import { testConfig } from './running.js';
import { testUas } from './test-uas.js';

export const CALLER: SipAddress = { host: '127.0.0.9', port: 5070 };

export const SDP =
  'v=0\r\no=u 1 1 IN IP4 127.0.0.9\r\ns=-\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0\r\n';

export interface RequestParts {
  readonly branch?: string;
  readonly callId?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly via?: string;
}

export function request(method: string, parts: RequestParts = {}): Buffer {
  const { branch = 'z9hG4bK-1', callId = 'call-1', cseq = 1, toTag, headers = [] } = parts;
  const body = parts.body ?? (method === 'INVITE' ? SDP : '');
  const lines = [
    `${method} sip:park@127.0.0.1:5060 SIP/2.0`,
    `Via: ${parts.via ?? `SIP/2.0/UDP 127.0.0.9:5070;branch=${branch}`}`,
    ...headers,
    `From: "Ann" <sip:ann@127.0.0.9:5070>;tag=from-1`,
    `To: <sip:park@127.0.0.1:5060>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:ann@127.0.0.9:5070>',
    'Max-Forwards: 70',
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'));
}

export interface Sent {
  readonly text: string;
  readonly first: string;
  readonly to: SipAddress;
  readonly atMs: number;
}

/** A media node over fake time, and a caller whose messages are written by hand. */
export interface UasBench {
  readonly time: FakeTime;
  readonly core: MediaSwitch;
  readonly uas: Uas;
  readonly sent: readonly Sent[];
  readonly events: readonly string[];
  /** First lines of all that was sent. */
  readonly firsts: () => string[];
  /** Gives it a message; the first lines of what it answers at once. */
  readonly take: (bytes: Buffer, from?: SipAddress) => string[];
  /** The To-tag of the last message sent. */
  readonly tag: () => string;
  readonly callUp: (parts?: RequestParts) => string;
}

export function bench(
  change: { readonly maxSessions?: number; readonly sessionsPerSecond?: number } = {},
): UasBench {
  const time = new FakeTime();
  const core = new MediaSwitch(testConfig(change), time);
  const sent: Sent[] = [];
  const events: string[] = [];
  core.bus.subscribe((event) => events.push(event.name));
  const uas = testUas(core, time, (bytes, to) => {
    const text = bytes.toString();
    sent.push({ text, first: text.split('\r\n')[0] ?? '', to, atMs: time.nowMs });
  });
  const firsts = (): string[] => sent.map((s) => s.first);
  const take = (bytes: Buffer, from = CALLER): string[] => {
    const before = sent.length;
    uas.receive(bytes, from);
    return firsts().slice(before);
  };
  const tag = (): string => /^To: .*;tag=(\S+)/m.exec(sent.at(-1)?.text ?? '')?.[1] ?? '';
  /** A call that is up and acknowledged: its To-tag. */
  const callUp = (parts: RequestParts = {}): string => {
    take(request('INVITE', parts));
    time.advance(20);
    const toTag = tag();
    take(request('ACK', { ...parts, branch: `${parts.branch ?? 'z9hG4bK-1'}-ack`, toTag }));
    return toTag;
  };
  return { time, core, uas, sent, events, firsts, take, tag, callUp };
}
