import type { Logger } from 'pino';
import type { ZkServer } from './connect-string.js';
import { tcpConnect } from './connection-options.js';
import type { ConnectionCounters, ConnectionOptions, ZkConnect } from './connection-options.js';
import { MAX_FRAME_BYTES } from './frames.js';
import type { OperationCount } from './operation-count.js';

/**
 * - `connecting`: no session yet.
 * - `connected`: operations are sent.
 * - `suspended`: the connection is lost, the session and its ephemerals may stand: judge nothing.
 * - `lost`: the session is over, its ephemerals must be assumed gone; a new one is on its way.
 * - `closed`: by `close()`, for good.
 */
export type ZkSessionState = 'connecting' | 'connected' | 'suspended' | 'lost' | 'closed';

export interface ZkSessionOptions {
  /** `host:port,host:port/chroot`. */
  readonly connectString: string;
  /** Asked for; the server bounds it to 2..20 of its ticks. */
  readonly zkSessionTimeoutMs: number;
  /** For one server, TCP and session reply together; default: a share of the session time-out. */
  readonly connectTimeoutMs?: number;
  /** Digest user; null = everything is open to everybody. */
  readonly auth: { readonly user: string; readonly password: string } | null;
  readonly log: Logger;
  /** A larger reply rejects its operation with REPLY_TOO_LARGE; default 64 MiB. */
  readonly maxReplyBytes?: number;
  /** [0, 1), for jitter; default Math.random. */
  readonly random?: () => number;
  /** How a TCP connection is begun; default: node:net. */
  readonly connect?: ZkConnect | undefined;
}

export interface ZkSessionCounters extends ConnectionCounters {
  readonly ops: OperationCount;
}

const MIN_CONNECT_TIMEOUT_MS = 250;
const MAX_CONNECT_TIMEOUT_MS = 5_000;

export function newCounters(): ZkSessionCounters {
  const ops = { ok: 0, notSent: 0, rejected: 0, ambiguous: 0, sessionOver: 0 };
  return { expired: 0, recycled: 0, silentCuts: 0, connectCuts: 0, contained: 0, ops };
}

/** What a connection to these servers needs to know, with the defaults filled in. */
export function connectionOptions(
  options: ZkSessionOptions,
  servers: readonly ZkServer[],
  counters: ConnectionCounters,
  failures: number,
): ConnectionOptions {
  return {
    ...{ servers, counters, failures },
    connect: options.connect ?? tcpConnect,
    zkSessionTimeoutMs: options.zkSessionTimeoutMs,
    connectTimeoutMs: connectTimeoutMs(options, servers.length),
    auth: options.auth,
    random: options.random ?? Math.random,
    maxReplyBytes: options.maxReplyBytes ?? MAX_FRAME_BYTES,
  };
}

/** As asked for; else a share of the session time-out that leaves time to try several servers. Pure. */
function connectTimeoutMs(options: ZkSessionOptions, servers: number): number {
  const share = Math.floor(options.zkSessionTimeoutMs / Math.max(2, servers));
  const byDefault = Math.min(MAX_CONNECT_TIMEOUT_MS, Math.max(MIN_CONNECT_TIMEOUT_MS, share));
  return options.connectTimeoutMs ?? byDefault;
}
