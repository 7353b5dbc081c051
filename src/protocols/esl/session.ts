import type { Logger } from 'pino';
import { InvalidInputError } from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import { EslConnection } from './connection.js';
import { requireOneLine } from './package.js';

const STOCK_PASSWORD = 'ClueCon';
export interface EslOptions {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly log: Logger;
  /** Deadline of the whole opening, and of each command that names none. */
  readonly timeoutMs: number;
  /** FreeSWITCH ships with a password that everybody knows; it is refused unless this is true. */
  readonly allowStockPassword?: boolean;
}

/** The events that a session can subscribe to. */
export type EslEventName =
  'HEARTBEAT' | 'SHUTDOWN_REQUESTED' | 'SHUTDOWN' | 'CHANNEL_HANGUP_COMPLETE';

/** An event's headers; its body, if any, under `_body`. */
export type EslEvent = Readonly<Record<string, string | undefined>>;

/**
 * One authenticated connection to one FreeSWITCH. It never reconnects: when it ends, `closed` says
 * why, every command rejects, and the owner opens a new one with its own back-off.
 */
export interface EslSession {
  /** New at every start of FreeSWITCH: tells a restart behind the same address. */
  readonly coreUuid: string;
  /** Resolves with the reason when the connection has ended, whoever ended it. Never rejects. */
  readonly closed: Promise<string>;
  /**
   * The body of the answer, unchanged. Rejects with EslReplyError for a body of `-ERR` or `-USAGE`,
   * DeadlineError after `timeoutMs` (which ends the connection), ServerUnavailableError when it has
   * ended. A slow command holds back all later ones; use `bgapi` for what may take long.
   */
  api(command: string, timeoutMs?: number): Promise<string>;
  /** Like `api`, without holding back other commands; the body is empty when the job has no output. */
  bgapi(command: string, timeoutMs?: number): Promise<string>;
  /** Starts `command` in the background; resolves when FreeSWITCH has accepted it. Its output is lost. */
  startJob(command: string, timeoutMs?: number): Promise<void>;
  /** Calls `listener` for each event of that name; subscribes first. */
  onEvent(name: EslEventName, listener: (event: EslEvent) => void): Promise<void>;
  /** Ends the connection; resolves when the socket is gone. May be called again. */
  close(): Promise<void>;
}

/**
 * Connects, authenticates and asks one question; resolves only when FreeSWITCH has answered it.
 *
 * Rejects with EslAuthError (password or address refused; nothing is tried again),
 * ServerUnavailableError (refused or closed), DeadlineError (silence), ProtocolError (no ESL), or
 * InvalidInputError (stock password). The socket is closed before it rejects.
 */
export async function openEslSession(options: EslOptions): Promise<EslSession> {
  if (options.password === STOCK_PASSWORD && options.allowStockPassword !== true) {
    throw new InvalidInputError(
      'ESL password',
      'it is the stock password that FreeSWITCH ships with; set one of your own',
    );
  }
  requireOneLine('ESL password', options.password);
  const connection = new EslConnection(options);
  try {
    await withDeadline(
      `opening ESL at ${options.host}:${options.port}`,
      options.timeoutMs,
      connection.open(),
    );
    return connection;
  } catch (err) {
    connection.end(err as Error);
    await connection.close();
    throw err;
  }
}
