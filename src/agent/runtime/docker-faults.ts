import { statSync } from 'node:fs';
import { cutText } from '../../util/cut-text.js';
import { MissingPartError, messageOf, ServerStartError } from '../../util/errors.js';
import { DockerAnswerError } from './docker-port.js';

/** Docker's messages repeat the whole chain of causes; this much of the end tells enough. */
const MAX_MESSAGE_LENGTH = 300;

/**
 * What went wrong in a call to the engine, as a CarnaError; `what` names the call. Once the engine has
 * answered (`isKnown`), a socket that is gone means a restart of the engine, which a retry outlasts.
 */
export function dockerFault(
  err: unknown,
  what: string,
  socketPath: string,
  isKnown: boolean,
): ServerStartError | MissingPartError {
  if (err instanceof ServerStartError || err instanceof MissingPartError) return err;
  const status = statusOf(err);
  if (status !== null) {
    return new DockerAnswerError(`${what}: Docker answered ${status}: ${answerOf(err)}`, status);
  }
  const code = codeOf(err);
  if (code.startsWith('HPE_')) return garbage(what, socketPath);
  const text = SOCKET_FAULTS[code]?.(socketPath) ?? null;
  if (text === null) {
    return new ServerStartError(`${what}: Docker at ${socketPath}: ${messageOf(err)}`);
  }
  if (text.remedy === null || isKnown) return new ServerStartError(text.what);
  return new MissingPartError(text.what, text.remedy);
}

/** The engine's answer is none of Docker's. */
export function garbage(what: string, socketPath: string): ServerStartError {
  return new ServerStartError(
    `${what}: what answers at ${socketPath} does not speak Docker's API; check CARNA_DOCKER_SOCKET`,
  );
}

/** The part of a message of Docker's that tells most, in one line. Pure. */
export function shortMessage(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  const cause = /(?:exec|chdir|mkdir|stat|mount)[: ].*$|error mounting .*$/.exec(
    line.replace(/^.*(?:OCI runtime create failed|starting container process caused)/, ''),
  );
  const told = line.includes('OCI runtime') && cause !== null ? cause[0] : line;
  const plain = told.replace(/: unknown$/, '');
  return plain.length > MAX_MESSAGE_LENGTH ? `${cutText(plain, MAX_MESSAGE_LENGTH)}…` : plain;
}

interface SocketFault {
  readonly what: string;
  /** Null when waiting may help. */
  readonly remedy: string | null;
}

const SOCKET_FAULTS: Readonly<Record<string, (path: string) => SocketFault>> = {
  ENOENT: (path) => ({
    what: `Docker's socket ${path} is not there`,
    remedy:
      "mount it into the agent's container, or set CARNA_DOCKER_SOCKET or CARNA_RUNTIME=process",
  }),
  EACCES: (path) => ({
    what: `the agent may not use Docker's socket ${path}${groupOf(path)}`,
    remedy:
      "add the agent's user to that group (docker run --group-add), or set CARNA_RUNTIME=process",
  }),
  ENOTSOCK: (path) => ({
    what: `${path} is no socket`,
    remedy: 'set CARNA_DOCKER_SOCKET to the socket of the Docker engine',
  }),
  ECONNREFUSED: (path) => ({
    what: `no Docker engine listens at ${path} (if one runs, it made its socket anew: mount the socket's folder, not the file)`,
    remedy: null,
  }),
};

function groupOf(path: string): string {
  try {
    return `, which belongs to the group with id ${statSync(path).gid}`;
  } catch {
    return '';
  }
}

function statusOf(err: unknown): number | null {
  const status: unknown = err instanceof Error && 'statusCode' in err ? err.statusCode : null;
  return typeof status === 'number' ? status : null;
}

function codeOf(err: unknown): string {
  return err instanceof Error && 'code' in err && typeof err.code === 'string' ? err.code : '';
}

/** dockerode's message without its own words around Docker's. */
function answerOf(err: unknown): string {
  return shortMessage(messageOf(err).replace(/^\(HTTP code \d+\) [^-]*- /, ''));
}
