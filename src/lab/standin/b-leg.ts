import { randomBytes, randomUUID } from 'node:crypto';
import { bodyOf, pickHeaders, withoutTag } from './message-parts.js';
import type { InviteParts } from './outgoing-call.js';
import type { ServerTransaction } from './server-transaction.js';
import { headerOf, parseUri, uriOf, type SipRequest } from './sip-message.js';
import type { SipAddress } from './sip-response.js';

/** What the B leg's INVITE says as the A leg's did. */
export const PASSED_HEADERS: readonly string[] = [
  'P-Asserted-Identity',
  'Privacy',
  'Diversion',
  'Referred-By',
  'X-Carna-User',
];
const DEFAULT_MAX_FORWARDS = 70;

/** What is left of an INVITE's Max-Forwards when it goes on; negative when it may not. Pure. */
export function forwardsLeft(invite: SipRequest): number {
  const value = headerOf(invite, 'max-forwards');
  return (/^\d{1,3}$/.test(value) ? Number(value) : DEFAULT_MAX_FORWARDS) - 1;
}

/** The name of the call that joins its legs: the Call-ID that its first leg came in with. Pure. */
export const callNameOf = (invite: SipRequest): string =>
  headerOf(invite, 'x-carna-call') || headerOf(invite, 'call-id');

/**
 * The B leg's INVITE for an A leg: same R-URI and caller, a dialog of its own, the session description
 * unchanged. `okHeaders` begin with our Contact.
 */
export function inviteFor(
  invite: SipRequest,
  okHeaders: readonly (readonly [name: string, value: string])[],
): InviteParts {
  return {
    uri: invite.uri,
    maxForwards: forwardsLeft(invite),
    from: taggedFrom(headerOf(invite, 'from')),
    to: `<${invite.uri}>`,
    callId: randomUUID(),
    headers: [
      ...okHeaders.filter(([name]) => name === 'Contact' || name === 'Allow'),
      ...pickHeaders(invite, PASSED_HEADERS),
      ['X-Carna-Call', callNameOf(invite)],
    ],
    body: bodyOf(invite),
  };
}

/** A From of ours that shows the party of this From or To value. */
export const taggedFrom = (nameAddr: string): string =>
  `${withoutTag(nameAddr)};tag=${randomBytes(8).toString('hex')}`;

/** Where B legs go: X-Carna-Back and X-Carna-Back-2; without them to where the INVITE came from. Pure. */
export function hopsOf(invite: ServerTransaction): readonly SipAddress[] {
  const named = ['x-carna-back', 'x-carna-back-2'].flatMap((name): SipAddress[] => {
    const uri = parseUri(uriOf(headerOf(invite.request, name)));
    return uri === null ? [] : [{ host: uri.host, port: uri.port }];
  });
  return named.length === 0 ? [invite.source] : named;
}
