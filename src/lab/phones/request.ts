import type { SipAddress } from '../standin/sip-response.js';

/** A request before it gets its Via. */
export interface OutRequest {
  readonly method: string;
  readonly uri: string;
  /** With its tag. */
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  /** Route set, first hop first. */
  readonly routes?: readonly string[];
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: { readonly type: string; readonly text: string };
}

/** The bytes of a request over UDP that is sent from `local`. Pure. */
export function writeRequest(out: OutRequest, local: SipAddress, branch: string): Buffer {
  const body = out.body?.text ?? '';
  const lines = [
    `${out.method} ${out.uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${local.host}:${local.port};branch=${branch};rport`,
    ...(out.routes ?? []).map((route) => `Route: ${route}`),
    `From: ${out.from}`,
    `To: ${out.to}`,
    `Call-ID: ${out.callId}`,
    `CSeq: ${out.cseq} ${out.method}`,
    'Max-Forwards: 70',
    ...(out.headers ?? []).map(([name, value]) => `${name}: ${value}`),
    ...(out.body === undefined ? [] : [`Content-Type: ${out.body.type}`]),
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

export type MediaDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** An audio stream of a phone at `host`; nobody sends a packet of it. Pure. */
export function audioSdp(host: string, version: number, direction: MediaDirection): string {
  return [
    'v=0',
    `o=phone 1 ${version} IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${host}`,
    't=0 0',
    'm=audio 40000 RTP/AVP 0',
    'a=rtpmap:0 PCMU/8000',
    `a=${direction}`,
    '',
  ].join('\r\n');
}

const ANSWERED: Readonly<Record<MediaDirection, MediaDirection>> = {
  sendrecv: 'sendrecv',
  sendonly: 'recvonly',
  recvonly: 'sendonly',
  inactive: 'inactive',
};

/** The direction that an offer asks for, seen from who offers. Pure. */
export function offeredDirection(sdp: string): MediaDirection {
  const [, found] = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(sdp) ?? [];
  return (found as MediaDirection | undefined) ?? 'sendrecv';
}

/** The direction that answers an offer. Pure. */
export function answeredDirection(offer: string): MediaDirection {
  return ANSWERED[offeredDirection(offer)];
}
