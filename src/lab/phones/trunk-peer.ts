import type { LabAddress } from '../plan.js';
import { parseUri } from '../standin/sip-message.js';
import { answerCalls } from './answering.js';
import { openEndpoint } from './endpoint.js';
import type { PhoneCall } from './phone-call.js';
import { Switchboard } from './switchboard.js';

/** A carrier's server: takes or refuses every call that comes. */
export interface TrunkPeer {
  /** Called numbers, oldest first; a repeated INVITE is told once. */
  readonly called: readonly string[];
  /** The INVITEs as they came. */
  readonly invites: readonly string[];
  callsLeft(): number;
  close(): Promise<void>;
}

export interface TrunkAnswer {
  /** 200, or what refuses every call. */
  readonly status: number;
  readonly onCall?: (call: PhoneCall) => void;
}

const RING_MS = 100;

/** Opens a trunk. Throws LabError when the address is taken. */
export async function openTrunk(address: LabAddress, answer: TrunkAnswer): Promise<TrunkPeer> {
  const board = new Switchboard(await openEndpoint(address));
  const called: string[] = [];
  const invites: string[] = [];
  const who = { user: null, contact: `sip:trunk@${address.host}:${address.port}` };
  answerCalls(board, who, {
    ringMs: RING_MS,
    status: answer.status,
    onInvite: ({ message }) => {
      called.push(parseUri(message.uri)?.user ?? '');
      const headers = message.headers.map(({ name, value }) => `${name}: ${value}`);
      invites.push([message.uri, ...headers].join('\n'));
    },
    ...(answer.onCall === undefined ? {} : { onCall: answer.onCall }),
  });
  return {
    called,
    invites,
    callsLeft: () => board.calls.length,
    close: () => board.endpoint.close(),
  };
}
