import { createHash, randomBytes } from 'node:crypto';
import { ByeClient } from './bye-client.js';
import { callInfoOf } from './call-info.js';
import {
  DIALOG_TABLE,
  MAX_DIALOGS,
  dialogKey,
  keyOfRequest,
  mergeKey,
  targetOf,
  writeBye,
  type Dialog,
  type DialogEvent,
} from './dialog.js';
import type { StandinLogger } from './logger.js';
import type { MediaSwitch } from './media-switch.js';
import { answerSdp } from './sdp-answer.js';
import {
  GIVE_UP_MS,
  MAX_TRANSACTIONS,
  ServerTransaction,
  T1_MS,
  T2_MS,
  transactionKey,
} from './server-transaction.js';
import { cseqOf, headerOf, parseSip, tagOf, topVia, valuesOf } from './sip-message.js';
import type { SipRequest, SipResponse } from './sip-message.js';
import {
  replyAddress,
  writeResponse,
  type ResponseParts,
  type SipAddress,
} from './sip-response.js';
import type { Timers } from './timers.js';

const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE';
const BUSY: Omit<ResponseParts, 'toTag'> = {
  status: 503,
  reason: 'Maximum Calls In Progress',
  headers: [['Retry-After', '300']],
};
/** The even ports named in our SDP, one per call in turn; nothing is sent or received there. */
const RTP_PORTS = { first: 16_384, last: 30_998 } as const;
const SHUTDOWN_REASON = 'SIP;cause=701;text="SYSTEM_SHUTDOWN"';

export interface UasParts {
  readonly local: SipAddress;
  readonly nodeName: string;
  readonly profileName: string;
  readonly ringMs: number;
  readonly switch: MediaSwitch;
  readonly timers: Timers;
  readonly log: StandinLogger;
  readonly send: (bytes: Buffer, to: SipAddress) => void;
}

/** What came in that was no use, by kind. */
export interface UasCounters {
  malformed: number;
  keepalives: number;
  strayResponses: number;
  overLimit: number;
}

/**
 * The called side of SIP over UDP: RFC 3261 for one that answers every call. It keeps no socket.
 *
 * Long, since every method works on the same three tables (transactions, dialogs, merged requests); what
 * needs none of them stands in files of its own.
 */
export class Uas {
  readonly counters: UasCounters = { malformed: 0, keepalives: 0, strayResponses: 0, overLimit: 0 };
  callsIn = 0;
  failedCallsIn = 0;
  readonly #parts: UasParts;
  readonly #byes: ByeClient;
  readonly #transactions = new Map<string, ServerTransaction>();
  readonly #dialogs = new Map<string, Dialog>();
  readonly #byUuid = new Map<string, string>();
  readonly #merges = new Map<string, string>();
  #nextPort: number = RTP_PORTS.first;

  constructor(parts: UasParts) {
    this.#parts = parts;
    this.#byes = new ByeClient(parts.timers, parts.send);
  }

  get dialogCount(): number {
    return this.#dialogs.size;
  }

  get transactionCount(): number {
    return this.#transactions.size;
  }

  /** BYEs of ours that nobody has answered yet. */
  get pendingByes(): number {
    return this.#byes.pending;
  }

  /** Takes one datagram; never throws. */
  receive(datagram: Buffer, source: SipAddress): void {
    const message = parseSip(datagram);
    switch (message.kind) {
      case 'request':
        return this.#request(message, source);
      case 'response':
        return this.#response(message);
      case 'keepalive':
        this.counters.keepalives += 1;
        return;
      case 'malformed':
        this.counters.malformed += 1;
        this.#parts.log.warn({ why: message.why, source: source.host }, 'malformed sip ignored');
    }
  }

  /** Ends a call from this side: BYE, or a refusal while it rings, or a BYE after its ACK. */
  hangup(uuid: string, cause: string): void {
    const dialog = this.#dialogs.get(this.#byUuid.get(uuid) ?? '');
    if (dialog === undefined) return;
    if (dialog.state === 'early') {
      this.#refuseEarly(dialog, { ...BUSY, reason: 'Service Unavailable' }, cause);
    } else if (dialog.state === 'answered') {
      dialog.pendingCause = cause;
      this.#parts.switch.endCall(uuid, cause);
    } else if (this.#step(dialog, 'hangup')) {
      this.#sendBye(dialog, cause);
    }
  }

  #request(request: SipRequest, source: SipAddress): void {
    if (request.method === 'OPTIONS') return this.#options(request, source);
    if (request.method === 'ACK') return this.#ack(request);
    const key = transactionKey(request);
    const known = this.#transactions.get(key);
    if (known !== undefined) return known.again();
    if (this.#transactions.size >= MAX_TRANSACTIONS) return this.#overLimit(request, source);
    const transaction = new ServerTransaction(key, request, source, {
      timers: this.#parts.timers,
      send: this.#parts.send,
      onEnd: (ended) => this.#transactions.delete(ended),
    });
    this.#transactions.set(key, transaction);
    this.#dispatch(transaction);
  }

  #dispatch(transaction: ServerTransaction): void {
    const { request } = transaction;
    const required = valuesOf(request, 'require');
    if (request.method === 'CANCEL') this.#cancel(transaction);
    else if (required.length > 0) {
      const headers = [['Unsupported', required.join(', ')]] as const;
      this.#refuse(transaction, { status: 420, reason: 'Bad Extension', headers });
    } else if (tagOf(headerOf(request, 'to')) !== null) this.#inDialog(transaction);
    else if (request.method === 'INVITE') this.#invite(transaction);
    else if (request.method === 'BYE' || request.method === 'UPDATE') this.#noDialog(transaction);
    else if (this.#parts.switch.isPaused('inbound')) this.#refuse(transaction, BUSY);
    else if (request.method === 'INFO') this.#noDialog(transaction);
    else {
      const headers = [['Allow', ALLOW]] as const;
      this.#refuse(transaction, { status: 405, reason: 'Method Not Allowed', headers });
    }
  }

  /** OPTIONS needs no memory: the same question gets the same answer, its tag is made from the question. */
  #options(request: SipRequest, source: SipAddress): void {
    const toTag = createHash('sha1')
      .update(topVia(request)?.text ?? '')
      .digest('hex')
      .slice(0, 16);
    const answer: ResponseParts = this.#parts.switch.isBusy
      ? { ...BUSY, toTag }
      : { status: 200, reason: 'OK', toTag, headers: this.#okHeaders() };
    this.#parts.send(writeResponse(request, source, answer), replyAddress(request, source));
  }

  #okHeaders(): readonly (readonly [string, string])[] {
    const { local, nodeName } = this.#parts;
    return [
      ['Contact', `<sip:mod_sofia@${local.host}:${local.port};transport=udp>`],
      ['Server', 'carna-stand-in'],
      ['X-Carna-Node', nodeName],
      ['Allow', ALLOW],
      ['Accept', 'application/sdp'],
    ];
  }

  #invite(transaction: ServerTransaction): void {
    const { request } = transaction;
    transaction.respond({ status: 100, reason: 'Trying', toTag: null });
    const merge = mergeKey(request);
    if (this.#merges.has(merge)) {
      this.#refuse(transaction, { status: 482, reason: 'Request merged' });
    } else if (this.#isFull()) {
      this.failedCallsIn += 1;
      this.#refuse(transaction, BUSY);
    } else {
      const answer = this.#answerOffer(request);
      if (answer === null) {
        this.failedCallsIn += 1;
        this.#refuse(transaction, { status: 488, reason: 'Not Acceptable Here' });
      } else this.#begin(transaction, merge, answer);
    }
  }

  #isFull(): boolean {
    const refusal = this.#parts.switch.refusalOfNewCall();
    if (refusal === null && this.#dialogs.size < MAX_DIALOGS) return false;
    if (refusal === null) this.counters.overLimit += 1;
    return true;
  }

  /** Our SDP for this offer, or null when nothing in it suits. */
  #answerOffer(request: SipRequest): string | null {
    const port = this.#nextPort;
    this.#nextPort = port >= RTP_PORTS.last ? RTP_PORTS.first : port + 2;
    const media = { host: this.#parts.local.host, port };
    return answerSdp(request.body.toString('latin1'), media, this.callsIn + 1);
  }

  #begin(transaction: ServerTransaction, merge: string, sdp: string): void {
    const { request, source } = transaction;
    const { switch: core, timers, profileName } = this.#parts;
    const call = core.createCall(callInfoOf(request, source, profileName));
    const localTag = randomBytes(8).toString('hex');
    const key = dialogKey(
      headerOf(request, 'call-id'),
      localTag,
      tagOf(headerOf(request, 'from')) ?? '',
    );
    const dialog: Dialog = {
      callUuid: call.uuid,
      localTag,
      invite: transaction,
      state: 'early',
      remoteCseq: cseqOf(request)?.number ?? 0,
      remoteTarget: targetOf(request),
      pendingCause: null,
      cancelTimers: () => undefined,
    };
    this.#dialogs.set(key, dialog);
    this.#byUuid.set(call.uuid, key);
    this.#merges.set(merge, key);
    this.callsIn += 1;
    transaction.respond({
      status: 180,
      reason: 'Ringing',
      toTag: localTag,
      isDialogForming: true,
      headers: this.#okHeaders().slice(0, 3),
    });
    core.ringCall(call.uuid);
    dialog.cancelTimers = timers.after(this.#parts.ringMs, () => this.#answer(dialog, sdp));
  }

  #answer(dialog: Dialog, sdp: string): void {
    if (!this.#step(dialog, 'answer')) return;
    const ok: ResponseParts = {
      status: 200,
      reason: 'OK',
      toTag: dialog.localTag,
      isDialogForming: true,
      headers: this.#okHeaders(),
      body: { type: 'application/sdp', text: sdp },
    };
    dialog.invite.respond(ok);
    this.#parts.switch.answerCall(dialog.callUuid);
    this.#repeatOk(dialog, ok);
  }

  /** RFC 3261 13.3.1.4: the 200 is repeated until its ACK; without one the call is ended after GIVE_UP_MS. */
  #repeatOk(dialog: Dialog, ok: ResponseParts): void {
    const { timers } = this.#parts;
    let cancelRepeat: () => void = () => undefined;
    const repeat = (afterMs: number): void => {
      cancelRepeat = timers.after(afterMs, () => {
        dialog.invite.respond(ok);
        repeat(Math.min(afterMs * 2, T2_MS));
      });
    };
    const cancelGiveUp = timers.after(GIVE_UP_MS, () => {
      cancelRepeat();
      if (this.#step(dialog, 'over')) {
        this.#sendBye(dialog, dialog.pendingCause ?? 'RECOVERY_ON_TIMER_EXPIRE');
      }
    });
    dialog.cancelTimers = () => {
      cancelRepeat();
      cancelGiveUp();
    };
    repeat(T1_MS);
  }

  #ack(request: SipRequest): void {
    const invite = this.#transactions.get(transactionKey(request));
    if (invite?.state === 'completed') return invite.acknowledge();
    const dialog = this.#dialogs.get(keyOfRequest(request));
    if (dialog === undefined || !this.#step(dialog, 'ack')) return;
    dialog.cancelTimers();
    if (dialog.pendingCause !== null && this.#step(dialog, 'hangup')) {
      this.#sendBye(dialog, dialog.pendingCause);
    }
  }

  #cancel(transaction: ServerTransaction): void {
    const invite = this.#transactions.get(transactionKey(transaction.request, 'INVITE'));
    if (invite === undefined) return this.#noDialog(transaction);
    const dialog = [...this.#dialogs.values()].find((d) => d.invite === invite);
    const toTag = dialog?.localTag ?? randomBytes(8).toString('hex');
    transaction.respond({ status: 200, reason: 'OK', toTag });
    if (dialog?.state !== 'early') return;
    this.#refuseEarly(dialog, { status: 487, reason: 'Request Terminated' }, 'ORIGINATOR_CANCEL');
  }

  #inDialog(transaction: ServerTransaction): void {
    const { request } = transaction;
    const dialog = this.#dialogs.get(keyOfRequest(request));
    if (dialog === undefined || dialog.state === 'ended') return this.#noDialog(transaction);
    const cseq = cseqOf(request)?.number ?? 0;
    if (cseq <= dialog.remoteCseq) {
      return this.#refuse(transaction, { status: 500, reason: 'CSeq out of order' });
    }
    dialog.remoteCseq = cseq;
    if (request.method === 'BYE') this.#bye(dialog, transaction);
    else if (request.method === 'INVITE' || request.method === 'UPDATE') {
      this.#reoffer(dialog, transaction);
    } else transaction.respond({ status: 200, reason: 'OK', toTag: dialog.localTag });
  }

  #bye(dialog: Dialog, transaction: ServerTransaction): void {
    transaction.respond({ status: 200, reason: 'OK', toTag: dialog.localTag });
    if (dialog.state === 'early') {
      this.#refuseEarly(dialog, { status: 487, reason: 'Request Terminated' }, 'NORMAL_CLEARING');
    } else if (this.#step(dialog, 'bye')) {
      this.#forget(dialog, 'NORMAL_CLEARING');
    }
  }

  /** A re-INVITE or UPDATE: answered at once with our side of the media, unchanged. */
  #reoffer(dialog: Dialog, transaction: ServerTransaction): void {
    const { request } = transaction;
    const hasOffer = request.body.length > 0 || request.method === 'INVITE';
    const sdp = hasOffer ? this.#answerOffer(request) : '';
    if (sdp === null) {
      return this.#refuse(transaction, { status: 488, reason: 'Not Acceptable Here' });
    }
    if (valuesOf(request, 'contact').length > 0) dialog.remoteTarget = targetOf(request);
    transaction.respond({
      status: 200,
      reason: 'OK',
      toTag: dialog.localTag,
      isDialogForming: true,
      headers: this.#okHeaders(),
      ...(sdp === '' ? {} : { body: { type: 'application/sdp', text: sdp } }),
    });
  }

  #noDialog(transaction: ServerTransaction): void {
    this.#refuse(transaction, { status: 481, reason: 'Call/Transaction Does Not Exist' });
  }

  #refuse(transaction: ServerTransaction, parts: Omit<ResponseParts, 'toTag'>): void {
    transaction.respond({ ...parts, toTag: randomBytes(8).toString('hex') });
  }

  #refuseEarly(dialog: Dialog, parts: Omit<ResponseParts, 'toTag'>, cause: string): void {
    if (!this.#step(dialog, 'refuse')) return;
    dialog.invite.respond({ ...parts, toTag: dialog.localTag });
    this.failedCallsIn += 1;
    this.#forget(dialog, cause);
  }

  #overLimit(request: SipRequest, source: SipAddress): void {
    this.counters.overLimit += 1;
    const answer = writeResponse(request, source, { ...BUSY, toTag: 'full' });
    this.#parts.send(answer, replyAddress(request, source));
  }

  #response(response: SipResponse): void {
    const branch = topVia(response)?.params.get('branch') ?? '';
    if (cseqOf(response)?.method !== 'BYE') this.counters.strayResponses += 1;
    else this.#byes.receive(branch, response.status);
  }

  #sendBye(dialog: Dialog, cause: string): void {
    this.#parts.switch.endCall(dialog.callUuid, cause);
    const reason = cause === 'SYSTEM_SHUTDOWN' ? SHUTDOWN_REASON : `Q.850;cause=16;text="${cause}"`;
    const bye = writeBye(dialog, this.#parts.local, reason);
    const end = (): void => {
      if (this.#step(dialog, 'over')) this.#forget(dialog, cause);
    };
    if (bye === null) end();
    else this.#byes.start(bye.branch, bye.bytes, bye.to, end);
  }

  #step(dialog: Dialog, event: DialogEvent): boolean {
    const next = DIALOG_TABLE[dialog.state][event];
    if (next === undefined) return false;
    dialog.state = next;
    return true;
  }

  #forget(dialog: Dialog, cause: string): void {
    dialog.cancelTimers();
    const key = this.#byUuid.get(dialog.callUuid) ?? '';
    this.#byUuid.delete(dialog.callUuid);
    this.#dialogs.delete(key);
    this.#merges.delete(mergeKey(dialog.invite.request));
    this.#parts.switch.endCall(dialog.callUuid, cause);
  }
}
