import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '../../../src/lab/parts/daemon.js';
import { identityOf, signalDaemon } from '../../../src/lab/parts/daemon.js';
import { postgresUrl, startPostgres, stopPostgres } from '../../../src/lab/parts/postgres.js';
import { createLogin } from '../../../src/store/group-roles.js';
import { DEBIAN_KAMAILIO_SCHEMA_DIR, migrate } from '../../../src/store/migrate.js';
import type { Store } from '../../../src/store/pool.js';
import { openStore } from '../../../src/store/pool.js';
import { waitUntil } from '../../../src/util/wait.js';
import { freePort, testDir } from '../../support/resources.js';
import type { Node } from './platform.js';
import { startNode } from './platform.js';
import type { Received, SipPeer } from './sip-peer.js';
import { header } from './sip-peer.js';

export const DOMAIN = 'carna.test';
const PASSWORD = 'for-this-test-only';

/** A PostgreSQL as `carna init` leaves it, whose server can be killed, frozen and started again. */
export interface Telephony {
  readonly store: Store;
  /** For a Kamailio: a login with the rights of a dispatcher and no others. */
  readonly kamailioUrl: string;
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** One row of the dispatcher table: in service unless `flags` says otherwise. */
  row(setid: number, host: string, flags?: number): Promise<void>;
  user(name: string, password: string): Promise<void>;
  /** To the server and to the processes of its connections, which are groups of their own. */
  signal(signal: NodeJS.Signals): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTelephony(): Promise<Telephony> {
  const server = { host: '127.0.0.1', port: await freePort(), password: PASSWORD };
  const options = { ...server, dir: join(testDir('pg'), 'pg'), env: process.env };
  let postgres: ProcessIdentity = await startPostgres(options);
  const store = openStore({
    url: postgresUrl(server, 'postgres'),
    connectTimeoutMs: 3_000,
    statementTimeoutMs: 10_000,
    log: { warn: () => undefined },
  });
  await migrate(store, { kamailioSchemaDir: DEBIAN_KAMAILIO_SCHEMA_DIR });
  await createLogin(store, { user: 'kamailio', password: PASSWORD, role: 'carna_dispatcher' });
  const sql = (text: string): Promise<readonly Record<string, unknown>[]> => store.query({ text });
  return {
    store,
    sql,
    kamailioUrl: `postgres://kamailio:${PASSWORD}@${server.host}:${server.port}/postgres`,
    row: async (setid, host, flags = 8) => {
      await sql(
        'insert into dispatcher (setid, destination, flags, description) ' +
          `values (${setid}, 'sip:${host}:5060', ${flags}, 'carna:${host}')`,
      );
    },
    user: async (name, password) => {
      await sql(
        'insert into subscriber (username, domain, ha1) ' +
          `values ('${name}', '${DOMAIN}', '${ha1(name, password)}') ` +
          'on conflict (username, domain) do update set ha1 = excluded.ha1',
      );
    },
    signal: (signal) => signalAll(postgres, signal),
    start: async () => {
      postgres = await startPostgres(options);
    },
    stop: async () => {
      await store.close();
      await stopPostgres(postgres);
    },
  };
}

/** A dispatcher over the rows that stand in the table, alone on its address. */
export async function startDispatcher(
  db: Telephony,
  host: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Node> {
  return startNode({
    role: 'dispatcher',
    host,
    dir: testDir(`dispatcher-${host}`),
    env: {
      CARNA_KAMAILIO_DB_URL: db.kamailioUrl,
      CARNA_SIP_DOMAIN: DOMAIN,
      CARNA_PING_INTERVAL: '1',
      CARNA_CHILDREN: '2',
      ...env,
    },
  });
}

export function ha1(user: string, password: string): string {
  return md5(`${user}:${DOMAIN}:${password}`);
}

export interface Call {
  readonly callId: string;
  /** Request URI. */
  readonly to: string;
  /** Name in the From. */
  readonly from?: string;
  readonly cseq?: number;
  /** Where the load-balancer says that the request came from. */
  readonly src?: string;
  readonly method?: string;
  readonly headers?: readonly string[];
}

/** A request as a load-balancer hands it on, sent by `peer`; the headers after it are the call's own. */
export function sendCall(peer: SipPeer, dispatcher: string, call: Call): void {
  const { callId, to, from = 'alice', cseq = 1, src = '192.0.2.7:5062', method = 'INVITE' } = call;
  const lines = [
    `${method} ${to} SIP/2.0`,
    `Via: SIP/2.0/UDP ${peer.host}:${peer.port};branch=z9hG4bK-${md5(callId)}-${cseq}`,
    `From: <sip:${from}@${DOMAIN}>;tag=${md5(callId)}`,
    `To: <${to}>`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:${from}@192.0.2.7:5062>`,
    'Max-Forwards: 70',
    `X-Carna-Src: ${src}`,
    ...(call.headers ?? []),
    'Content-Length: 0',
    '',
    '',
  ];
  peer.send(lines.join('\r\n'), dispatcher);
}

/** The final answer to one request of a call. */
export async function finalAnswer(peer: SipPeer, callId: string, cseq = 1): Promise<Received> {
  const find = (): Received | undefined =>
    peer.received.find(
      ({ text }) =>
        /^SIP\/2\.0 [2-6]/.test(text) &&
        header(text, 'Call-ID')[0] === callId &&
        (header(text, 'CSeq')[0] ?? '').startsWith(`${cseq} `),
    );
  await waitUntil(`an answer to ${callId}`, 15_000, () => find() !== undefined, 5);
  return find() ?? { text: '', host: '', port: 0 };
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly method?: string;
  /** Count of the nonce's uses; absent: a phone that does not know of it. */
  readonly nc?: number;
}

/** The Proxy-Authorization that answers a challenge (the text of a 407). */
export function answerTo(challenge: string, uri: string, who: Credentials): string {
  const value = header(challenge, 'Proxy-Authenticate')[0] ?? '';
  const nonce = /nonce="([^"]*)"/.exec(value)?.[1] ?? '';
  const a2 = md5(`${who.method ?? 'INVITE'}:${uri}`);
  const nc = who.nc === undefined ? undefined : who.nc.toString(16).padStart(8, '0');
  const middle = nc === undefined ? '' : `${nc}:cnonce1:auth:`;
  const response = md5(`${ha1(who.user, who.password)}:${nonce}:${middle}${a2}`);
  const counted = nc === undefined ? '' : `, qop=auth, nc=${nc}, cnonce="cnonce1"`;
  return (
    `Proxy-Authorization: Digest username="${who.user}", realm="${DOMAIN}", nonce="${nonce}", ` +
    `uri="${uri}", response="${response}", algorithm=MD5${counted}`
  );
}

/** Calls, answers the challenge (again while it says stale, as phones do); resolves with the last answer. */
export async function callWithPassword(
  peer: SipPeer,
  dispatcher: string,
  call: Call,
  who: Credentials,
): Promise<Received> {
  sendCall(peer, dispatcher, call);
  let answer = await finalAnswer(peer, call.callId);
  for (let cseq = 2; cseq <= 4 && answer.text.startsWith('SIP/2.0 407'); cseq++) {
    const headers = [...(call.headers ?? []), answerTo(answer.text, call.to, { nc: 1, ...who })];
    sendCall(peer, dispatcher, { ...call, cseq, headers });
    answer = await finalAnswer(peer, call.callId, cseq);
    if (!/stale=true/i.test(answer.text)) break;
  }
  return answer;
}

/** Answers every INVITE that a peer gets with one status, at once, until told to stop. */
export function answerAll(
  peer: SipPeer,
  status: string,
  headers: readonly string[] = [],
): { readonly invites: Received[]; stop(): void } {
  const invites: Received[] = [];
  let seen = 0;
  const timer = setInterval(() => {
    for (; seen < peer.received.length; seen++) {
      const message = peer.received[seen];
      if (message === undefined || !message.text.startsWith('INVITE ')) continue;
      invites.push(message);
      const contact = `Contact: <sip:peer@${peer.host}:${peer.port}>`;
      const has = headers.some((line) => line.startsWith('Contact:'));
      peer.reply(message, status, has ? headers : [...headers, contact]);
    }
  }, 2);
  return { invites, stop: () => clearInterval(timer) };
}

function signalAll(postmaster: ProcessIdentity, signal: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${postmaster.pid}/task/${postmaster.pid}/children`, 'utf8');
  signalDaemon(postmaster, signal);
  for (const pid of children.trim().split(' ').map(Number)) {
    const child = pid > 0 ? identityOf(pid) : null;
    if (child !== null) signalDaemon(child, signal);
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
