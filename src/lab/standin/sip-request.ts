import { randomUUID } from 'node:crypto';
import type { SipAddress } from './sip-response.js';

export interface SipBody {
  readonly type: string;
  readonly text: string;
}

/** A request of ours, complete but for its bytes. */
export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  /** Our own address, for Via. */
  readonly local: SipAddress;
  readonly branch: string;
  readonly routes: readonly string[];
  readonly maxForwards: number;
  /** With its tag. */
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: SipBody | null;
}

/** A branch that no other transaction has. */
export const newBranch = (): string => `z9hG4bK${randomUUID()}`;

/** The bytes of a request: RFC 3261 8.1.1. Pure. */
export function writeRequest(parts: RequestParts): Buffer {
  const { local, body } = parts;
  const text = body?.text ?? '';
  const lines = [
    `${parts.method} ${parts.uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${local.host}:${local.port};rport;branch=${parts.branch}`,
    ...parts.routes.map((route) => `Route: ${route}`),
    `Max-Forwards: ${parts.maxForwards}`,
    `From: ${parts.from}`,
    `To: ${parts.to}`,
    `Call-ID: ${parts.callId}`,
    `CSeq: ${parts.cseq} ${parts.method}`,
    ...parts.headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === null ? [] : [`Content-Type: ${body.type}`]),
    `Content-Length: ${Buffer.byteLength(text, 'latin1')}`,
    '',
    text,
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** The CANCEL of an INVITE of ours: RFC 3261 9.1. Pure. */
export const cancelOf = (invite: RequestParts): RequestParts => ({
  ...invite,
  method: 'CANCEL',
  headers: [],
  body: null,
});

/** The ACK of a refused INVITE of ours, `to` being that of the refusal: RFC 3261 17.1.1.3. Pure. */
export const ackOfRefusal = (invite: RequestParts, to: string): RequestParts => ({
  ...invite,
  method: 'ACK',
  to,
  headers: [],
  body: null,
});
