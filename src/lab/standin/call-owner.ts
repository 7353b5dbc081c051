import type { CallInfo } from './call.js';
import type { ClientTransactions } from './client-transaction.js';
import type { Leg, LegTools } from './leg.js';
import type { LegTable } from './leg-table.js';
import type { StandinLogger } from './logger.js';
import type { MediaSwitch } from './media-switch.js';
import type { ServerTransaction } from './server-transaction.js';
import type { SipRequest } from './sip-message.js';
import type { SipAddress } from './sip-response.js';
import type { Timers } from './timers.js';

/** Methods that are understood here. */
export const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REFER, MESSAGE';

/** What a call does with the requests of its legs. */
export interface CallOwner {
  /** A request within the leg's dialog but ACK, CANCEL and OPTIONS; its CSeq is in order. */
  readonly onRequest: (leg: Leg, transaction: ServerTransaction) => void;
  /** CANCEL or BYE while the leg that called us is early. */
  readonly onCancel: (leg: Leg, cancel: SipRequest) => void;
  /** Ends the call, from this leg. */
  readonly hangup: (leg: Leg, cause: string) => void;
}

/** Counters of the profile, as `sofia status profile` shows them. */
export interface ProfileCounters {
  callsIn: number;
  failedCallsIn: number;
  callsOut: number;
  failedCallsOut: number;
}

/** What every call works with. */
export interface CallTools extends LegTools {
  readonly local: SipAddress;
  readonly timers: Timers;
  readonly clients: ClientTransactions;
  readonly legs: LegTable;
  readonly switch: MediaSwitch;
  readonly counters: ProfileCounters;
  readonly profileName: string;
  readonly ringMs: number;
  readonly log: StandinLogger;
  /** The headers of our 18x and 2xx: Contact, Server, X-Carna-Node, Allow, Accept. */
  readonly okHeaders: readonly (readonly [name: string, value: string])[];
}

/** An INVITE that is taken: its transaction, the key against merged requests, and its channel. */
export interface NewCall {
  readonly invite: ServerTransaction;
  readonly merge: string;
  readonly info: CallInfo;
}
