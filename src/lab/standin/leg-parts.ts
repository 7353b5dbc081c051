import { targetOf } from './dialog.js';
import type { ServerTransaction } from './server-transaction.js';
import { cseqOf, headerOf, tagOf, valuesOf, type SipResponse } from './sip-message.js';
import type { RequestParts } from './sip-request.js';

/** What a dialog is made of. */
export interface LegParts {
  /** Of its channel. */
  readonly uuid: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From and To of our own requests, with their tags. */
  readonly from: string;
  readonly to: string;
  readonly routes: readonly string[];
  readonly target: string;
  readonly localCseq: number;
  readonly remoteCseq: number;
  /** The INVITE that called us; null when we called. */
  readonly invite: ServerTransaction | null;
}

/** The leg of one who calls us. */
export function calledLeg(uuid: string, localTag: string, invite: ServerTransaction): LegParts {
  const { request } = invite;
  const from = headerOf(request, 'from');
  return {
    uuid,
    callId: headerOf(request, 'call-id'),
    localTag,
    remoteTag: tagOf(from) ?? '',
    from: `${headerOf(request, 'to')};tag=${localTag}`,
    to: from,
    routes: valuesOf(request, 'record-route'),
    target: targetOf(request),
    localCseq: 0,
    remoteCseq: cseqOf(request)?.number ?? 0,
    invite,
  };
}

/** The leg that our INVITE made, by its 2xx: the route set is the answer's, reversed. */
export function callingLeg(uuid: string, invite: RequestParts, ok: SipResponse): LegParts {
  const to = headerOf(ok, 'to');
  return {
    uuid,
    callId: invite.callId,
    localTag: tagOf(invite.from) ?? '',
    remoteTag: tagOf(to) ?? '',
    from: invite.from,
    to,
    routes: [...valuesOf(ok, 'record-route')].reverse(),
    target: targetOf(ok),
    localCseq: invite.cseq,
    remoteCseq: 0,
    invite: null,
  };
}
