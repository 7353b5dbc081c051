import type { SipResponse } from '../standin/sip-message.js';
import { headerOf } from '../standin/sip-message.js';
import type { OutRequest } from './request.js';

/** A request under way (RFC 3261 17.1, over UDP). */
export interface ClientTransaction {
  /** The final answer; null when there was none in time. */
  readonly final: Promise<SipResponse | null>;
  /** An INVITE only: asks for its end as soon as somebody has answered provisionally. */
  cancel(): void;
  /** True when the response is news to this transaction; a final one that comes again is none. */
  receive(response: SipResponse): boolean;
  /** Ends it without an answer. */
  stop(): void;
}

export interface TransactionParts {
  readonly out: OutRequest;
  readonly timeoutMs: number;
  /** Ends it when nobody has said anything until then. */
  readonly silenceMs?: number;
  /** Sends with the branch of this transaction. */
  readonly send: (out: OutRequest) => void;
  /** Opens the transaction of a CANCEL. */
  readonly cancelled?: (cancel: OutRequest) => void;
  readonly onProvisional?: (response: SipResponse) => void;
}

const T1_MS = 500;
const T2_MS = 4_000;

/** Sends a request and repeats it until it is answered: an INVITE until anybody answers, others until the end. */
export function startTransaction(parts: TransactionParts): ClientTransaction {
  const { out, send } = parts;
  const isInvite = out.method === 'INVITE';
  let resolve: (response: SipResponse | null) => void = () => undefined;
  const final = new Promise<SipResponse | null>((done) => (resolve = done));
  let state: 'calling' | 'proceeding' | 'completed' = 'calling';
  let isCancelWanted = false;
  let pauseMs = T1_MS;
  let again: NodeJS.Timeout | undefined;
  const repeat = (): void => {
    again = setTimeout(() => {
      send(out);
      pauseMs = isInvite ? pauseMs * 2 : Math.min(pauseMs * 2, T2_MS);
      repeat();
    }, pauseMs);
  };
  const end = (response: SipResponse | null): void => {
    state = 'completed';
    clearTimeout(again);
    clearTimeout(deadline);
    clearTimeout(silence);
    resolve(response);
  };
  const deadline = setTimeout(() => end(null), parts.timeoutMs);
  const silence = setTimeout(
    () => state === 'calling' && end(null),
    parts.silenceMs ?? parts.timeoutMs,
  );
  const cancel = (): void => {
    isCancelWanted = true;
    if (state !== 'proceeding') return; // Before any answer a CANCEL could overtake its INVITE.
    isCancelWanted = false;
    parts.cancelled?.(cancelOf(out));
  };
  const provisional = (response: SipResponse): void => {
    if (isInvite) clearTimeout(again);
    state = 'proceeding';
    parts.onProvisional?.(response);
    if (isCancelWanted) cancel();
  };
  const receive = (response: SipResponse): boolean => {
    const isRefusal = response.status >= 300;
    if (isInvite && isRefusal) send(ackOf(out, response)); // Also when it comes again.
    if (state === 'completed') return false;
    if (response.status < 200) provisional(response);
    else end(response);
    return true;
  };
  send(out);
  repeat();
  return { final, cancel, receive, stop: () => end(null) };
}

function cancelOf(invite: OutRequest): OutRequest {
  const { uri, from, to, callId, cseq, routes = [] } = invite;
  return { method: 'CANCEL', uri, from, to, callId, cseq, routes };
}

/** The ACK to a refusal belongs to the INVITE's transaction (RFC 3261 17.1.1.3). */
function ackOf(invite: OutRequest, response: SipResponse): OutRequest {
  const { uri, from, callId, cseq, routes = [] } = invite;
  return { method: 'ACK', uri, from, to: headerOf(response, 'to'), callId, cseq, routes };
}
