import type { SipResponse } from '../standin/sip-message.js';
import { headerOf } from '../standin/sip-message.js';
import type { Dialog } from './dialog.js';
import type { Incoming, SipEndpoint } from './endpoint.js';
import type { MediaDirection, OutRequest } from './request.js';
import { answeredDirection, audioSdp, offeredDirection } from './request.js';

/** Who ended a call. */
export type EndedBy = 'us' | 'them';

/** How long an answer inside a call may take; longer than the load-balancer waits. */
export const IN_CALL_TIMEOUT_MS = 8_000;

/** One side of an established call. */
export class PhoneCall {
  readonly ended: Promise<EndedBy>;
  readonly #endpoint: SipEndpoint;
  readonly #dialog: Dialog;
  readonly #contact: string;
  #end: (by: EndedBy) => void = () => undefined;
  #isOver = false;
  #offered: MediaDirection;
  #offers = 0;
  #version = 1;
  #acks: OutRequest | null = null;
  #onNotify: (status: number) => void = () => undefined;
  #transfer: Promise<unknown> | null = null;

  /** `contact` is this side's own; `offer` is what the far end's session description says first. */
  constructor(endpoint: SipEndpoint, dialog: Dialog, contact: string, offer: string) {
    this.#endpoint = endpoint;
    this.#dialog = dialog;
    this.#contact = contact;
    this.#offered = offeredDirection(offer);
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  get callId(): string {
    return this.#dialog.callId;
  }

  get localTag(): string {
    return this.#dialog.localTag;
  }

  /** URI of the far end's Contact. */
  get target(): string {
    return this.#dialog.target;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing more comes in this dialog: it is over, and what was asked by REFER has been told (it may outlive the BYE). */
  async forgotten(): Promise<void> {
    await this.ended;
    await this.#transfer;
  }

  /** What the far end last asked for (`sendonly`: it holds the call), and how many re-INVITEs came. */
  get seen(): { readonly direction: MediaDirection; readonly reinvites: number } {
    return { direction: this.#offered, reinvites: this.#offers };
  }

  /** Acknowledges the 2xx that made this call, again when it comes again. */
  acknowledge(cseq: number): void {
    this.#acks = this.#dialog.ack(cseq);
    this.#endpoint.sendAck(this.#acks, this.#dialog.nextHop());
  }

  /** A 2xx came again: its ACK was lost. */
  acknowledgeAgain(): void {
    if (this.#acks !== null) this.#endpoint.sendAck(this.#acks, this.#dialog.nextHop());
  }

  /** Changes the session; the final status, or null for silence. */
  async reinvite(direction: MediaDirection): Promise<number | null> {
    this.#version++;
    const text = audioSdp(this.#endpoint.address.host, this.#version, direction);
    const out = this.#dialog.next('INVITE', {
      headers: [['Contact', `<${this.#contact}>`]],
      body: { type: 'application/sdp', text },
    });
    const answer = await this.#ask(out);
    if (answer !== null && answer.status < 300) {
      this.#dialog.retarget(headerOf(answer, 'contact'));
      this.acknowledge(out.cseq);
    }
    return answer?.status ?? null;
  }

  /** BYE; the final status, or null for silence. A call that is over answers 481 by itself. */
  async hangUp(): Promise<number | null> {
    if (this.#isOver) return 481;
    this.#finish('us');
    return (await this.#ask(this.#dialog.next('BYE')))?.status ?? null;
  }

  /**
   * Asks the far end to call `target` instead. Resolves with the last status that it tells of that call, with
   * the status that refused the REFER, or with null when neither comes in time.
   */
  async transfer(target: string, timeoutMs: number): Promise<number | null> {
    let timer: NodeJS.Timeout | undefined;
    const told = new Promise<number | null>((resolve) => {
      timer = setTimeout(() => resolve(null), timeoutMs);
      this.#onNotify = (status) => status >= 200 && resolve(status);
    });
    this.#transfer = told;
    const headers = [
      ['Contact', `<${this.#contact}>`],
      ['Refer-To', `<${target}>`],
      ['Referred-By', `<${this.#contact}>`],
    ] as const;
    try {
      const answer = await this.#ask(this.#dialog.next('REFER', { headers }));
      if (answer === null || answer.status >= 300) return answer?.status ?? null;
      return await told;
    } finally {
      clearTimeout(timer);
      this.#transfer = null;
    }
  }

  /** A request inside this call. */
  receive(incoming: Incoming): void {
    const { message } = incoming;
    switch (message.method) {
      case 'BYE':
        incoming.reply({ status: 200, reason: 'OK', toTag: null });
        this.#finish('them');
        return;
      case 'INVITE':
        this.#reinvited(incoming);
        return;
      case 'NOTIFY':
        incoming.reply({ status: 200, reason: 'OK', toTag: null });
        this.#onNotify(
          Number(/^SIP\/2\.0 (\d{3})/.exec(message.body.toString('latin1'))?.[1] ?? 0),
        );
        return;
      case 'OPTIONS':
      case 'INFO':
        incoming.reply({ status: 200, reason: 'OK', toTag: null });
        return;
      default:
        incoming.reply({ status: 405, reason: 'Method Not Allowed', toTag: null });
    }
  }

  #reinvited(incoming: Incoming): void {
    const { message } = incoming;
    const offer = message.body.toString('latin1');
    this.#offers++;
    this.#version++;
    this.#offered = offeredDirection(offer);
    this.#dialog.retarget(headerOf(message, 'contact'));
    const direction = answeredDirection(offer);
    const text = audioSdp(this.#endpoint.address.host, this.#version, direction);
    incoming.reply({
      status: 200,
      reason: 'OK',
      toTag: null,
      isDialogForming: true,
      headers: [['Contact', `<${this.#contact}>`]],
      body: { type: 'application/sdp', text },
    });
  }

  async #ask(out: OutRequest): Promise<SipResponse | null> {
    const options = { timeoutMs: IN_CALL_TIMEOUT_MS };
    return this.#endpoint.request(out, this.#dialog.nextHop(), options).final;
  }

  #finish(by: EndedBy): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(by);
  }
}
