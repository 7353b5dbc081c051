import { Dialog } from './dialog.js';
import type { Incoming } from './endpoint.js';
import { newToken } from './endpoint.js';
import { PhoneCall } from './phone-call.js';
import { answeredDirection, audioSdp } from './request.js';
import type { Switchboard } from './switchboard.js';
import { refuse } from './switchboard.js';

/** How calls are answered. */
export interface AnswerPlan {
  /** How long it rings before the answer. */
  readonly ringMs: number;
  /** 200, or what refuses every call. */
  readonly status: number;
  readonly onCall?: (call: PhoneCall, incoming: Incoming) => void;
  /** Every INVITE that comes, whatever is made of it. */
  readonly onInvite?: (incoming: Incoming) => void;
}

/** Who answers; `user` null = every call to this address, as a trunk does. */
export interface Answering {
  readonly user: string | null;
  readonly contact: string;
}

/** Rings and answers the calls that come for somebody. */
export function answerCalls(board: Switchboard, who: Answering, plan: AnswerPlan): void {
  board.listen(who.user, (incoming) => {
    plan.onInvite?.(incoming);
    const tag = newToken();
    if (plan.status !== 200) {
      refuse(incoming, plan.status, tag);
      return;
    }
    const contact = [['Contact', `<${who.contact}>`]] as const;
    incoming.reply({
      ...{ status: 180, reason: 'Ringing', toTag: tag },
      ...{ isDialogForming: true, headers: contact },
    });
    const timer = setTimeout(() => {
      forget();
      pickUp(board, incoming, who.contact, tag, plan);
    }, plan.ringMs);
    const forget = board.awaitCancel(incoming, () => {
      clearTimeout(timer);
      forget();
      refuse(incoming, 487, tag);
    });
  });
}

function pickUp(
  board: Switchboard,
  incoming: Incoming,
  contact: string,
  tag: string,
  plan: AnswerPlan,
): void {
  const { message } = incoming;
  const offer = message.body.toString('latin1');
  const dialog = Dialog.ofCalled(message, tag);
  const call = new PhoneCall(board.endpoint, dialog, contact, offer);
  board.add(call);
  const { host } = board.endpoint.address;
  const text = audioSdp(host, 1, answeredDirection(offer));
  incoming.reply({
    ...{ status: 200, reason: 'OK', toTag: tag, isDialogForming: true },
    headers: [['Contact', `<${contact}>`]],
    body: { type: 'application/sdp', text },
  });
  plan.onCall?.(call, incoming);
}
