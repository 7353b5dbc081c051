import { createHash, randomUUID } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { createSocket } from 'node:dgram';

/** What a phone says in a REGISTER. */
export interface Registration {
  readonly user: string;
  /** `USER-pw` when absent; null: a challenge is left unanswered. */
  readonly password?: string | null;
  /** Whose password it is; `user` when absent. */
  readonly login?: string;
  readonly domain?: string;
  /** URI; `*` for all; null for a REGISTER that only asks. `sip:USER@10.9.9.9:5060` when absent. */
  readonly contact?: string | null;
  /** Parameters behind the contact: `;q=0.5`. */
  readonly parameters?: string;
  readonly expires?: number;
  readonly callId?: string;
  readonly cseq?: number;
  readonly headers?: readonly string[];
}

export interface Incoming {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

/** Any number of phones behind one socket. An answer is its whole text, null when none came. */
export interface Phones {
  readonly received: readonly Incoming[];
  request(text: string, host: string, port?: number): Promise<string | null>;
  /** REGISTER, and once more with the password when it is asked for. */
  register(host: string, registration: Registration): Promise<string | null>;
  invite(host: string, aor: string, options?: InviteOptions): Promise<string | null>;
  notifyPeer(host: string, port: number, self: string, body: string): Promise<string | null>;
  reply(request: Incoming, status: string, headers?: readonly string[]): void;
  /** Whoever asks is answered; by default every request but ACK by 200. */
  onRequest(handler: (request: Incoming) => void): void;
  send(text: string, host: string, port?: number): void;
  close(): Promise<void>;
}

export interface InviteOptions {
  readonly method?: string;
  readonly callId?: string;
  readonly headers?: readonly string[];
}

const PATIENCE_MS = 12_000;
const RESEND_MS = 500;
const BUFFER_BYTES = 4 << 20;

export const status = (answer: string | null): number =>
  answer === null ? 0 : Number(answer.split(' ')[1]);

/** The branch, and the method: a CANCEL has the branch of its INVITE. */
const transactionOf = (text: string): string =>
  `${/^Via:.*?branch=([^;\s]+)/im.exec(text)?.[1]} ${/^CSeq: *\d+ +(\w+)/im.exec(text)?.[1]}`;

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** The header that answers a challenge. */
export function authorization(
  challenge: string,
  uri: string,
  user: string,
  password: string,
): string {
  const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? '';
  const nonce = /nonce="([^"]+)"/.exec(challenge)?.[1] ?? '';
  const ha1 = md5(`${user}:${realm}:${password}`);
  const response = md5(`${ha1}:${nonce}:00000001:cn:auth:${md5(`REGISTER:${uri}`)}`);
  return (
    `Authorization: Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", ` +
    `response="${response}", algorithm=MD5, qop=auth, cnonce="cn", nc=00000001`
  );
}

export async function openPhones(host: string, port: number): Promise<Phones> {
  const socket = createSocket('udp4');
  const waiting = new Map<string, (answer: string) => void>();
  const received: Incoming[] = [];
  const reply = (to: Incoming, line: string, headers: readonly string[] = []): void => {
    const kept = to.text
      .split('\r\n')
      .filter((l) => /^(via|from|call-id|cseq|record-route):/i.test(l));
    const name = /^To:.*$/im.exec(to.text)?.[0] ?? 'To:';
    const tagged = name.includes('tag=') ? name : `${name};tag=${host}`;
    const lines = [`SIP/2.0 ${line}`, ...kept, tagged, ...headers, 'Content-Length: 0', '', ''];
    socket.send(lines.join('\r\n'), to.port, to.host);
  };
  let handle = (incoming: Incoming): void => {
    if (!incoming.text.startsWith('ACK ')) reply(incoming, '200 OK');
  };
  socket.on('message', (bytes, from) => {
    const text = bytes.toString('latin1');
    if (!text.startsWith('SIP/2.0 ')) {
      const incoming = { text, host: from.address, port: from.port };
      if (text.startsWith('OPTIONS ')) return reply(incoming, '200 OK');
      received.push(incoming);
      return handle(incoming);
    }
    if (text.startsWith('SIP/2.0 1')) return;
    waiting.get(transactionOf(text))?.(text);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, resolve);
  });
  socket.setRecvBufferSize(BUFFER_BYTES);

  const ask = (text: string, to: string, toPort = 5060): Promise<string | null> =>
    exchange(socket, waiting, text, to, toPort);
  const head = (method: string, uri: string, callId: string, cseq: number): string[] => [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${host}:${port};branch=z9hG4bK${randomUUID()}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
  ];
  const finish = (lines: readonly string[], body = ''): string =>
    [...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
  return {
    received,
    request: ask,
    register: async (registrar, parts) => {
      const { user, domain = 'carna.test', callId = `reg-${user}`, cseq = 1 } = parts;
      const uri = `sip:${domain}`;
      const text = (number: number, further: readonly string[]): string =>
        finish([
          ...head('REGISTER', uri, callId, number),
          `From: <sip:${user}@${domain}>;tag=${callId}`,
          `To: <sip:${user}@${domain}>`,
          ...contactLines(parts),
          ...(parts.headers ?? []),
          ...further,
        ]);
      const challenge = await ask(text(cseq, []), registrar);
      if (challenge === null || status(challenge) !== 401) return challenge;
      if (parts.password === null) return challenge;
      const { login = user, password = `${login}-pw` } = parts;
      return ask(text(cseq + 1, [authorization(challenge, uri, login, password)]), registrar);
    },
    invite: (to, aor, { method = 'INVITE', callId = randomUUID(), headers = [] } = {}) =>
      ask(
        finish([
          ...head(method, `sip:${aor}`, callId, 1),
          `From: <sip:caller@carna.test>;tag=${callId}`,
          `To: <sip:${aor}>`,
          `Contact: <sip:caller@${host}:${port}>`,
          ...headers,
        ]),
        to,
      ),
    notifyPeer: (to, toPort, self, body) =>
      ask(
        finish(
          [
            ...head('KDMQ', `sip:notification_peer@${to}:${toPort}`, randomUUID(), 1).slice(0, -1),
            `From: <sip:notification_peer@${self}:${toPort}>;tag=x`,
            `To: <sip:notification_peer@${to}:${toPort}>`,
            'Max-Forwards: 1',
            'Content-Type: text/plain',
          ],
          body,
        ),
        to,
        toPort,
      ),
    reply,
    onRequest: (handler) => {
      handle = handler;
    },
    send: (text, to, toPort = 5060) => socket.send(text, toPort, to),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function contactLines(parts: Registration): string[] {
  const { user, contact = `sip:${user}@10.9.9.9:5060`, parameters = '', expires = 600 } = parts;
  const expiry = `Expires: ${expires}`;
  if (contact === null) return [];
  if (contact === '*') return ['Contact: *', expiry];
  return [`Contact: <${contact}>${parameters}`, expiry];
}

function exchange(
  socket: Socket,
  waiting: Map<string, (answer: string) => void>,
  text: string,
  host: string,
  port: number,
): Promise<string | null> {
  const transaction = transactionOf(text);
  return new Promise((resolve) => {
    const done = (answer: string | null): void => {
      clearTimeout(limit);
      clearInterval(again);
      waiting.delete(transaction);
      resolve(answer);
    };
    const limit = setTimeout(() => done(null), PATIENCE_MS);
    const again = setInterval(() => socket.send(text, port, host), RESEND_MS);
    waiting.set(transaction, done);
    socket.send(text, port, host);
  });
}
