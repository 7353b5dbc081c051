import { waitUntil } from '../../../src/util/wait.js';
import { answerTo, callWithPassword, DOMAIN, finalAnswer, sendCall } from './dispatcher-scene.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header } from './sip-peer.js';

const PATIENCE_MS = 20_000;

/** Registers a phone by way of `edge`; throws unless that was taken. */
export async function register(phone: SipPeer, edge: string, user: string): Promise<void> {
  const call = {
    callId: `register-${user}`,
    to: `sip:${user}@${DOMAIN}`,
    from: user,
    method: 'REGISTER',
  };
  sendCall(phone, edge, call);
  const { text } = await finalAnswer(phone, call.callId);
  const challenge = text.replace('WWW-Authenticate', 'Proxy-Authenticate');
  const who = { user, password: `${user}-pw`, method: 'REGISTER', nc: 1 };
  const credentials = answerTo(challenge, call.to, who).replace('Proxy-Auth', 'Auth');
  sendCall(phone, edge, { ...call, cseq: 2, headers: [credentials, 'Expires: 600'] });
  const answer = await finalAnswer(phone, call.callId, 2);
  if (!answer.text.startsWith('SIP/2.0 200')) throw new Error(`${user}: ${answer.text}`);
}

/** What a watcher has been told of one subscription, by the dialogs of the last NOTIFY. */
export interface Watch {
  readonly callId: string;
  readonly answer: Received;
  /** In the last NOTIFY, '' before the first one. */
  state(): string;
  /** What `state()` was, one after the other. */
  history(): string[];
  until(state: string, patienceMs?: number): Promise<void>;
  stop(): void;
}

export const watchHeaders = [
  'Event: dialog',
  'Accept: application/dialog-info+xml',
  'Expires: 300',
];

/** `watcher` (a user of that name) subscribes to `user` by way of `edge` and answers what it is told. */
export async function watch(
  phone: SipPeer,
  edge: string,
  parts: { readonly watcher: string; readonly user: string; readonly callId: string },
): Promise<Watch> {
  const { watcher, user, callId } = parts;
  const answered = new Set<Received>();
  const timer = setInterval(() => {
    for (const message of phone.received) {
      if (!message.text.startsWith('NOTIFY ') || answered.has(message)) continue;
      if (header(message.text, 'Call-ID')[0] !== callId) continue;
      answered.add(message);
      phone.reply(message, '200 OK');
    }
  }, 5);
  // A call that is over is told of for some seconds more: it counts when there is no other.
  const states = (text: string): string => {
    const all = [...text.matchAll(/<state>([a-z]+)<\/state>/gi)].map(([, state]) => state ?? '');
    const live = all.filter((state) => state !== 'terminated').sort();
    return live.length > 0 ? live.join(',') : (all[0] ?? '');
  };
  const told = (): Received[] => {
    const byCseq = new Map<number, Received>();
    for (const message of answered) {
      byCseq.set(Number.parseInt(header(message.text, 'CSeq')[0] ?? '0', 10), message);
    }
    return [...byCseq].sort(([a], [b]) => a - b).map(([, message]) => message);
  };
  const last = (): string => states(told().at(-1)?.text ?? '');
  const answer = await callWithPassword(
    phone,
    edge,
    {
      callId,
      to: `sip:${user}@${DOMAIN}`,
      from: watcher,
      method: 'SUBSCRIBE',
      headers: watchHeaders,
    },
    { user: watcher, password: `${watcher}-pw`, method: 'SUBSCRIBE' },
  );
  return {
    callId,
    answer,
    state: last,
    history: () =>
      told()
        .map(({ text }) => states(text))
        .filter((text, i, all) => text !== all[i - 1]),
    until: (wanted, patienceMs = PATIENCE_MS) =>
      waitUntil(`${callId}: ${user} ${wanted}`, patienceMs, () => last() === wanted),
    stop: () => clearInterval(timer),
  };
}
