import { connect } from 'node:net';
import type { ZkServer } from './connect-string.js';
import type { WatchEvent } from './watch-event.js';
import type { ZkSocket } from './zk-client.js';

/** Faults of the package and the network that were contained, and what was done about them. */
export interface ConnectionCounters {
  /** Sessions that the server declared over. */
  expired: number;
  /** Sessions given up because nothing was heard for twice their time-out. */
  recycled: number;
  /** Connections cut because the server went silent. */
  silentCuts: number;
  /** Attempts cut because no session reply came in time. */
  connectCuts: number;
  /** Exceptions and unknown codes that would have ended the process. */
  contained: number;
}

/** Begins a TCP connection; its events tell the rest. */
export type ZkConnect = (server: ZkServer) => ZkSocket;

export const tcpConnect: ZkConnect = ({ host, port }) => connect({ host, port, noDelay: true });

export interface ConnectionOptions {
  readonly servers: readonly ZkServer[];
  readonly connect: ZkConnect;
  readonly zkSessionTimeoutMs: number;
  /** For one server, TCP and session reply together. */
  readonly connectTimeoutMs: number;
  readonly auth: { readonly user: string; readonly password: string } | null;
  readonly random: () => number;
  readonly counters: ConnectionCounters;
  /** A larger reply is thrown away and its operation rejected. */
  readonly maxReplyBytes: number;
  /** Failed attempts so far, carried over from the connection before. */
  readonly failures: number;
}

/** What a connection tells its session. All are called outside the package's code. */
export interface ConnectionEvents {
  up(): void;
  /** The TCP connection ended or could not be made; the session may live. */
  down(cause: string): void;
  /** The session is over; the connection is of no more use. */
  over(cause: string): void;
  watchEvent(event: WatchEvent): void;
}
