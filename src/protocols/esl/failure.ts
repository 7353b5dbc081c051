import { FreeSwitchError, FreeSwitchTimeout } from 'esl';
import {
  DeadlineError,
  EslAuthError,
  EslReplyError,
  ProtocolError,
  ServerUnavailableError,
} from '../../util/errors.js';
import { replyOf } from './package.js';

/** What a rejection of the esl package means. */
export interface EslFailure {
  /** To be thrown instead; what is none of the package's own errors comes back as it is: a bug. */
  readonly error: unknown;
  /** The connection cannot be trusted any more: it must be ended with this; null = it can. */
  readonly endsBy: Error | null;
}

/**
 * Turns what the package rejected the command `what` with into our errors; `where` names the server. Never
 * keeps the package's error as the cause: it holds the command, and so the password. Pure.
 */
export function errorOf(what: string, where: string, err: unknown): EslFailure {
  if (err instanceof FreeSwitchTimeout) {
    // Normally our own deadline comes first; after a time in which the process stood still both are due.
    return fatal(new DeadlineError(`${what} on ${where}`, err.timeout));
  }
  if (err instanceof Error && err.constructor === Error) {
    // The package's words for "the socket went away"; a mistake in code has a class of its own.
    return fatal(new ServerUnavailableError(`${where}: ${err.message}`));
  }
  if (!(err instanceof FreeSwitchError)) return { error: err, endsBy: null };
  const reply = replyOf(err);
  if (reply === undefined) {
    return fatal(new ProtocolError(`${where}: a reply without Reply-Text to ${what}`));
  }
  if (what === 'auth') {
    const remedy = 'CARNA_ESL_PASSWORD is not the one in event_socket.conf.xml';
    const error = new EslAuthError(`${where} refused the password: ${remedy} (${reply.trim()})`);
    return { error, endsBy: null };
  }
  return { error: new EslReplyError(what, reply.trim()), endsBy: null };
}

function fatal(error: Error): EslFailure {
  return { error, endsBy: error };
}
