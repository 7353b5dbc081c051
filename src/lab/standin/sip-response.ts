import { headerOf, tagOf, topVia, valuesOf, type SipRequest } from './sip-message.js';

export interface SipAddress {
  readonly host: string;
  readonly port: number;
}

export interface ResponseParts {
  readonly status: number;
  readonly reason: string;
  /** Added to To unless it has a tag; null for none (100 only). */
  readonly toTag: string | null;
  /** Copies Record-Route, as 18x and 2xx to an INVITE must. */
  readonly isDialogForming?: boolean;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: { readonly type: string; readonly text: string };
}

/** The bytes of a response to `request` that came from `source`: RFC 3261 8.2.6 and RFC 3581. Pure. */
export function writeResponse(
  request: SipRequest,
  source: SipAddress,
  parts: ResponseParts,
): Buffer {
  const to = headerOf(request, 'to');
  const tag = parts.toTag === null || tagOf(to) !== null ? '' : `;tag=${parts.toTag}`;
  const [, ...moreVias] = valuesOf(request, 'via');
  const routes = parts.isDialogForming === true ? valuesOf(request, 'record-route') : [];
  const body = parts.body?.text ?? '';
  const lines = [
    `SIP/2.0 ${parts.status} ${parts.reason}`,
    ...[answeredVia(request, source), ...moreVias].map((via) => `Via: ${via}`),
    ...routes.map((route) => `Record-Route: ${route}`),
    `From: ${headerOf(request, 'from')}`,
    `To: ${to}${tag}`,
    `Call-ID: ${headerOf(request, 'call-id')}`,
    `CSeq: ${headerOf(request, 'cseq')}`,
    ...(parts.headers ?? []).map(([name, value]) => `${name}: ${value}`),
    ...(parts.body === undefined ? [] : [`Content-Type: ${parts.body.type}`]),
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
    '',
    body,
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** Where the response goes: the source, at its own port if the client asked by rport. */
export function replyAddress(request: SipRequest, source: SipAddress): SipAddress {
  const via = topVia(request);
  if (via === null || via.params.has('rport')) return source;
  return { host: source.host, port: via.port ?? 5060 };
}

/** The topmost Via with `received` and `rport` filled in where they are due. */
function answeredVia(request: SipRequest, source: SipAddress): string {
  const via = topVia(request);
  if (via === null) return valuesOf(request, 'via')[0] ?? '';
  const hasRport = via.params.has('rport');
  const text = via.text
    .replace(/;\s*received\s*=[^;]*/i, '')
    .replace(/;\s*rport\s*(?:=\s*\d*)?(?=;|$)/i, hasRport ? `;rport=${source.port}` : '');
  const isOther = via.host.replace(/^\[|\]$/g, '') !== source.host;
  return hasRport || isOther ? `${text};received=${source.host}` : text;
}
