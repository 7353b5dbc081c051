import { randomUUID } from 'node:crypto';
import type { ServerTransaction } from './server-transaction.js';
import { cseqOf, headerOf, parseUri, tagOf, uriOf, valuesOf } from './sip-message.js';
import type { SipRequest } from './sip-message.js';
import type { SipAddress } from './sip-response.js';

/** More calls at once than this are refused. */
export const MAX_DIALOGS = 5000;

export type DialogState = 'early' | 'answered' | 'confirmed' | 'ending' | 'ended';
export type DialogEvent = 'answer' | 'refuse' | 'ack' | 'hangup' | 'bye' | 'over';

/** A call's signalling as the called side sees it. A pair without entry changes nothing. */
export const DIALOG_TABLE: Readonly<
  Record<DialogState, Readonly<Partial<Record<DialogEvent, DialogState>>>>
> = {
  early: { answer: 'answered', refuse: 'ended', bye: 'ended' },
  // No BYE of ours before the ACK or its time-out: RFC 3261 15.
  answered: { ack: 'confirmed', bye: 'ended', over: 'ending' },
  confirmed: { hangup: 'ending', bye: 'ended' },
  ending: { bye: 'ended', over: 'ended' },
  ended: {},
};

/** What changes in a dialog; the rest of it is fixed by its INVITE. */
export interface Dialog {
  readonly callUuid: string;
  readonly localTag: string;
  readonly invite: ServerTransaction;
  state: DialogState;
  remoteCseq: number;
  remoteTarget: string;
  /** A hang-up that waits for the ACK. */
  pendingCause: string | null;
  cancelTimers: () => void;
}

export const dialogKey = (callId: string, localTag: string, remoteTag: string): string =>
  [callId, localTag, remoteTag].join('\0');

/** The key of the dialog that a request from the far end belongs to. */
export function keyOfRequest(request: SipRequest): string {
  return dialogKey(
    headerOf(request, 'call-id'),
    tagOf(headerOf(request, 'to')) ?? '',
    tagOf(headerOf(request, 'from')) ?? '',
  );
}

/** What an INVITE and its retransmission over another path share. */
export function mergeKey(request: SipRequest): string {
  const cseq = cseqOf(request)?.number ?? 0;
  const tag = tagOf(headerOf(request, 'from')) ?? '';
  return [headerOf(request, 'call-id'), tag, cseq].join('\0');
}

/** The URI at which the far end wants to be reached: its Contact, or its From without one. */
export function targetOf(request: SipRequest): string {
  const contact = valuesOf(request, 'contact')[0];
  return uriOf(contact ?? headerOf(request, 'from'));
}

/** A BYE within the dialog, along its route set, and where to send it; null when that cannot be read. */
export function writeBye(
  dialog: Dialog,
  local: SipAddress,
  reason: string,
): { readonly bytes: Buffer; readonly branch: string; readonly to: SipAddress } | null {
  const { request } = dialog.invite;
  const routes = valuesOf(request, 'record-route');
  const first = routes[0] === undefined ? null : parseUri(uriOf(routes[0]));
  const isStrict = first !== null && !/;\s*lr\b/i.test(first.params);
  const uri = isStrict ? uriOf(routes[0] ?? '') : dialog.remoteTarget;
  const route = isStrict ? [...routes.slice(1), `<${dialog.remoteTarget}>`] : routes;
  const hop = first ?? parseUri(dialog.remoteTarget);
  if (hop === null) return null;
  const branch = `z9hG4bK${randomUUID()}`;
  const lines = [
    `BYE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${local.host}:${local.port};rport;branch=${branch}`,
    ...route.map((r) => `Route: ${r}`),
    'Max-Forwards: 70',
    `From: ${headerOf(request, 'to')};tag=${dialog.localTag}`,
    `To: ${headerOf(request, 'from')}`,
    `Call-ID: ${headerOf(request, 'call-id')}`,
    'CSeq: 1 BYE',
    `Reason: ${reason}`,
    'Content-Length: 0',
    '',
    '',
  ];
  const to = { host: hop.host, port: hop.port };
  return { bytes: Buffer.from(lines.join('\r\n'), 'latin1'), branch, to };
}
