import { cseqOf, headerOf, parseUri, tagOf, uriOf, valuesOf } from './sip-message.js';
import type { SipMessage, SipRequest } from './sip-message.js';
import type { SipAddress } from './sip-response.js';

/** More calls at once than this are refused. */
export const MAX_DIALOGS = 5000;

export type DialogState = 'early' | 'answered' | 'confirmed' | 'ending' | 'ended';
export type DialogEvent = 'answer' | 'refuse' | 'ack' | 'hangup' | 'bye' | 'over';

/**
 * A dialog's life: a leg that called us begins `early`, one that we called begins `confirmed`, since its
 * dialog starts with its answer. A pair without entry changes nothing.
 */
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

/** The URI at which the far end wants to be reached: its Contact, or its From or To without one. */
export function targetOf(message: SipMessage): string {
  const contact = valuesOf(message, 'contact')[0];
  return uriOf(contact ?? headerOf(message, message.kind === 'request' ? 'from' : 'to'));
}

/** How a request within a dialog is addressed. */
export interface DialogRoute {
  readonly uri: string;
  readonly routes: readonly string[];
  readonly hop: SipAddress;
}

/** The way to `target` along a route set, loose or strict: RFC 3261 12.2.1.1. Null when it cannot be read. */
export function routeTo(target: string, routes: readonly string[]): DialogRoute | null {
  const first = routes[0] === undefined ? null : parseUri(uriOf(routes[0]));
  const isStrict = first !== null && !/;\s*lr\b/i.test(first.params);
  const hop = first ?? parseUri(target);
  if (hop === null) return null;
  return {
    uri: isStrict ? uriOf(routes[0] ?? '') : target,
    routes: isStrict ? [...routes.slice(1), `<${target}>`] : routes,
    hop: { host: hop.host, port: hop.port },
  };
}
