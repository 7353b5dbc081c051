import { loopbackNet } from '../../support/resources.js';
import type { Telephony } from './dispatcher-scene.js';
import { answerAll, startDispatcher, startTelephony } from './dispatcher-scene.js';
import type { Node } from './platform.js';
import type { SipPeer } from './sip-peer.js';
import { header, openPeer } from './sip-peer.js';

const net = loopbackNet();
/** Where a load-balancer sends from. */
export const EDGE = `${net}.10`;
export const DISPATCHER = `${net}.20`;
/** Stands in the table as well; a test may start it. */
export const SECOND = `${net}.21`;
export const BOB = 'sip:bob@carna.test';
export const ALICE = { user: 'alice', password: 'wonderland' };

/** A dispatcher, the peers around it, and a database in which alice and the trunk `carrier` stand. */
export interface Callers {
  readonly db: Telephony;
  readonly dispatcher: Node;
  /** A load-balancer. */
  readonly edge: SipPeer;
  /** None of our nodes. */
  readonly stranger: SipPeer;
  /** The INVITE of a call as the media node got it; empty if it got none. */
  inviteOf(callId: string): string;
  stop(): Promise<void>;
}

export async function startCallers(): Promise<Callers> {
  const db = await startTelephony();
  await fill(db);
  const edge = await openPeer(EDGE);
  const stranger = await openPeer(`${net}.99`);
  const media = await openPeer(`${net}.30`);
  const taken = answerAll(media, '200 OK');
  const dispatcher = await startDispatcher(db, DISPATCHER);
  return {
    db,
    dispatcher,
    edge,
    stranger,
    inviteOf: (callId) =>
      taken.invites.find(({ text }) => header(text, 'Call-ID')[0] === callId)?.text ?? '',
    stop: async () => {
      taken.stop();
      await dispatcher.kill();
      for (const peer of [edge, stranger, media]) await peer.close();
      await db.stop();
    },
  };
}

async function fill(db: Telephony): Promise<void> {
  for (const [setid, host] of [
    [10, DISPATCHER],
    [10, SECOND],
    [30, `${net}.30`],
    [50, EDGE],
  ] as const) {
    await db.row(setid, host);
  }
  await db.user(ALICE.user, ALICE.password);
  await db.sql(
    "insert into carna.trunk (name, host, source) values ('carrier', '192.0.2.99', true)",
  );
  await db.sql(
    "insert into dbaliases (alias_username, alias_domain, username, domain) values ('+4930111222', 'carna.test', 'alice', 'carna.test')",
  );
}

/** Status of an answer's text. */
export function status(answer: string): string {
  return answer.slice(8, 11);
}
