import { createLogin, kamailioGroup } from '../../../src/store/group-roles.js';
import type { KamailioRole } from '../../../src/topology/node.js';
import { loopbackNet, testDir } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import { callWithPassword, DOMAIN, startTelephony } from './dispatcher-scene.js';
import type { Phones } from './phones.js';
import { openPhones } from './phones.js';
import type { Node } from './platform.js';
import { startNode } from './platform.js';
import { byeOfCallee, contactUri } from './scene.js';
import { register } from './presence-phones.js';
import type { SipPeer } from './sip-peer.js';
import { header, openPeer, request } from './sip-peer.js';

const DMQ_PORT = 5061;
const PASSWORD = 'for-this-test-only';
const NODES: Readonly<Record<string, KamailioRole>> = {
  '10': 'load-balancer',
  '20': 'dispatcher',
  '40': 'registrar',
  '41': 'registrar',
  '50': 'outbound',
};
const ON_THE_BUS = ['40', '41', '50'];

/** One edge, one dispatcher, two registrars, one outbound node; the test plays media and phones. */
export interface PresenceScene {
  readonly db: Telephony;
  readonly edge: string;
  readonly registrars: readonly [string, string];
  readonly media: SipPeer;
  /** A phone at an address of its own. */
  phone(last: number): Promise<SipPeer>;
  /** SIGKILL to the node at `host`. */
  kill(host: string): Promise<void>;
  /** The node that was at `host`, with its place on the bus. */
  startAgain(host: string): Promise<void>;
  /** Throws unless the registration was taken. */
  register(user: string, phone: SipPeer): Promise<void>;
  stop(): Promise<void>;
}

export async function startPresence(): Promise<PresenceScene> {
  const net = loopbackNet();
  const host = (last: string): string => `${net}.${last}`;
  const db = await startTelephony();
  for (const role of new Set(Object.values(NODES))) {
    const user = `kam_${role.replace('-', '_')}`;
    await createLogin(db.store, { user, password: PASSWORD, role: kamailioGroup(role) });
  }
  for (const [last, setid] of [
    ['10', 50],
    ['20', 10],
    ['30', 30],
    ['40', 20],
    ['41', 20],
    ['50', 40],
  ] as const) {
    await db.row(setid, host(last));
  }
  for (const user of ['alice', 'bob', 'carol']) await db.user(user, `${user}-pw`);
  const media = await openPeer(host('30'));
  const bus = await openPhones(host('21'), 5060);
  const open: SipPeer[] = [media];
  const nodes = new Map<string, Node>();
  let starts = 0;
  const start = async (last: string): Promise<void> => {
    const role = NODES[last] ?? 'registrar';
    const user = `kam_${role.replace('-', '_')}`;
    nodes.set(
      host(last),
      await startNode({
        role,
        host: host(last),
        dir: `${testDir('presence')}/${last}-${starts++}`,
        env: {
          CARNA_KAMAILIO_DB_URL: db.kamailioUrl.replace('://kamailio:', `://${user}:`),
          CARNA_SIP_DOMAIN: DOMAIN,
          CARNA_PING_INTERVAL: '1',
          CARNA_CHILDREN: '2',
          CARNA_LAMP_SECONDS: '15',
          ...(ON_THE_BUS.includes(last)
            ? { CARNA_DMQ_HOST: host(last), CARNA_DMQ_PORT: String(DMQ_PORT) }
            : {}),
        },
      }),
    );
    if (ON_THE_BUS.includes(last)) await joinBus(bus, host(last), ON_THE_BUS.map(host), nodes);
  };
  for (const last of ['40', '41', '50', '20', '10']) await start(last);
  return {
    db,
    edge: host('10'),
    registrars: [host('40'), host('41')],
    media,
    phone: async (last) => {
      const phone = await openPeer(host(String(last)), false);
      open.push(phone);
      return phone;
    },
    kill: async (at) => {
      await nodes.get(at)?.kill();
      nodes.delete(at);
    },
    startAgain: (at) => start(at.split('.')[3] ?? ''),
    register: (user, phone) => register(phone, host('10'), user),
    stop: async () => {
      for (const peer of open) await peer.close();
      await bus.close();
      for (const node of [...nodes.values()].reverse()) await node.kill();
      await db.stop();
    },
  };
}

/** As the agent does at a start: the peers are told of the node, then the node of its peers. */
async function joinBus(
  bus: Phones,
  joining: string,
  all: readonly string[],
  running: ReadonlyMap<string, Node>,
): Promise<void> {
  const line = (host: string): string => `sip:${host}:${DMQ_PORT};status=active\r\n`;
  const peers = all.filter((host) => host !== joining && running.has(host));
  for (const peer of peers) await bus.notifyPeer(peer, DMQ_PORT, joining, line(joining));
  await bus.notifyPeer(joining, DMQ_PORT, joining, peers.map(line).join(''));
}

/** A call of alice to bob, both legs up; media is the test's. */
export interface PhoneCall {
  /** Rings at bob, with 180 all the way to alice. */
  ring(): void;
  answer(): Promise<void>;
  /** Bob declines, and media tells alice. */
  refuse(): void;
  /** The media node ends both legs. */
  hangUp(): void;
}

export async function callBob(
  s: PresenceScene,
  alice: SipPeer,
  bob: SipPeer,
  name: string,
): Promise<PhoneCall> {
  const [aLeg, bLeg] = [`${name}-a`, `${name}-b`];
  const caller = { user: 'alice', password: 'alice-pw' };
  const answered = callWithPassword(
    alice,
    s.edge,
    { callId: aLeg, to: `sip:bob@${DOMAIN}` },
    caller,
  );
  answered.catch(() => undefined);
  const ofCall = (method: string, callId: string): RegExp =>
    new RegExp(`^${method} [^]*Call-ID: ${callId}\r`);
  const atMedia = await s.media.until(ofCall('INVITE', aLeg));
  const back = /sip:([\d.]+):/.exec(header(atMedia.text, 'X-Carna-Back')[0] ?? '')?.[1] ?? '';
  const contact = (peer: SipPeer): string[] => [`Contact: <sip:x@${peer.host}:${peer.port}>`];
  const invite = request('INVITE', {
    from: s.media,
    uri: `sip:bob@${DOMAIN}`,
    callId: bLeg,
    headers: [`X-Carna-Call: ${aLeg}`],
  });
  s.media.send(invite, back);
  const atBob = await bob.until(ofCall('INVITE', bLeg));
  let ofBob = '';
  return {
    ring: () => {
      bob.reply(atBob, '180 Ringing');
      s.media.reply(atMedia, '180 Ringing');
    },
    answer: async () => {
      bob.reply(atBob, '200 OK', contact(bob));
      s.media.reply(atMedia, '200 OK', contact(s.media));
      alice.send(ofCaller('ACK', alice, (await answered).text), s.edge);
      ofBob = (await s.media.until(ofCall('SIP/2.0 200', bLeg))).text;
      s.media.send(ofCaller('ACK', s.media, ofBob), s.edge);
    },
    refuse: () => {
      bob.reply(atBob, '486 Busy Here');
      s.media.reply(atMedia, '486 Busy Here');
    },
    hangUp: () => {
      s.media.send(byeOfCallee(s.media, atMedia.text), s.edge);
      s.media.send(ofCaller('BYE', s.media, ofBob), s.edge);
    },
  };
}

/** ACK or BYE of who called, after the 200 of the other side. */
function ofCaller(method: 'ACK' | 'BYE', from: SipPeer, answer: string): string {
  const callId = header(answer, 'Call-ID')[0] ?? '';
  const cseq = Number.parseInt(header(answer, 'CSeq')[0] ?? '1', 10) + (method === 'ACK' ? 0 : 1);
  const routes = header(answer, 'Record-Route').reverse();
  const uri = contactUri(answer);
  const headers = routes.map((route) => `Route: ${route}`);
  return request(method, { from, uri, callId, cseq, branch: `${callId}-${method}`, headers })
    .replace(/\r\nFrom: .*/, `\r\nFrom: ${header(answer, 'From')[0]}`)
    .replace(/\r\nTo: .*/, `\r\nTo: ${header(answer, 'To')[0]}`);
}

/** Lets a phone agree to every BYE that it gets; the function ends that. */
export function answerByes(phone: SipPeer): () => void {
  let seen = 0;
  const timer = setInterval(() => {
    for (const message of phone.received.slice(seen)) {
      if (message.text.startsWith('BYE ')) phone.reply(message, '200 OK');
    }
    seen = phone.received.length;
  }, 5);
  return () => clearInterval(timer);
}
