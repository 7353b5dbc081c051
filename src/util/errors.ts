/** Base of every failure we expect and handle; whatever else is thrown is a bug and ends the process. */
export abstract class CarnaError extends Error {
  /** Stable across releases, for logs, metrics and tests. The message may be reworded; this may not. */
  abstract readonly code: `CARNA_${string}`;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The configuration cannot be used. Holds every fault found, each naming its variable. */
export class ConfigError extends CarnaError {
  readonly code = 'CARNA_CONFIG';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `${faults.length} fault(s) in the configuration:\n${faults.map((f) => `  - ${f}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

/** The command line was used wrongly (exit code 2). */
export class UsageError extends CarnaError {
  readonly code = 'CARNA_USAGE';
}

/** Data from outside (a znode, a row, a reply) was refused by name; `what` says which. */
export class InvalidInputError extends CarnaError {
  readonly code = 'CARNA_INVALID_INPUT';
  readonly what: string;

  constructor(what: string, why: string, options?: ErrorOptions) {
    super(`${what}: ${why}`, options);
    this.what = what;
  }
}

/** A call did not answer within its deadline. */
export class DeadlineError extends CarnaError {
  readonly code = 'CARNA_DEADLINE';
  readonly timeoutMs: number;

  constructor(what: string, timeoutMs: number) {
    super(`${what}: no answer within ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** PostgreSQL did not answer in time or refused the connection. Worth retrying. */
export class StoreUnavailableError extends CarnaError {
  readonly code = 'CARNA_STORE_UNAVAILABLE';
}

/** PostgreSQL answered no: wrong password, missing right, missing table, violated constraint. Retrying will not help. */
export class StoreRefusedError extends CarnaError {
  readonly code = 'CARNA_STORE_REFUSED';
}

/** Another epoch rules than ours: this process must stop writing. A lower one: PostgreSQL went back in time. */
export class DeposedError extends CarnaError {
  readonly code = 'CARNA_DEPOSED';
  readonly epoch: number;
  readonly ruling: number;

  constructor(epoch: number, ruling: number) {
    super(
      ruling > epoch
        ? `epoch ${epoch} is over: epoch ${ruling} was taken by another reconciler`
        : `epoch ${epoch} is not known to PostgreSQL, which is at epoch ${ruling}: it went back in time`,
    );
    this.epoch = epoch;
    this.ruling = ruling;
  }
}

/** ZooKeeper operation that was never sent: not connected. Safe to repeat. */
export class RegistryNotSentError extends CarnaError {
  readonly code = 'CARNA_REGISTRY_NOT_SENT';
}

/** ZooKeeper answered no; `zkCode` is its name (NO_NODE, NODE_EXISTS, NO_AUTH, BAD_VERSION, ...). */
export class RegistryRejectedError extends CarnaError {
  readonly code = 'CARNA_REGISTRY_REJECTED';
  readonly zkCode: string;

  constructor(what: string, zkCode: string) {
    super(`${what}: ZooKeeper answered ${zkCode}`);
    this.zkCode = zkCode;
  }
}

/** Sent, but the answer was lost or late: it may or may not have happened. Look before repeating. */
export class RegistryAmbiguousError extends CarnaError {
  readonly code = 'CARNA_REGISTRY_AMBIGUOUS';
}

/** The zkSession ended: every ephemeral of it must be assumed gone. */
export class RegistrySessionOverError extends CarnaError {
  readonly code = 'CARNA_REGISTRY_SESSION_OVER';
}

/** Kamailio answered a BINRPC fault. */
export class BinrpcFaultError extends CarnaError {
  readonly code = 'CARNA_BINRPC_FAULT';
  readonly method: string;
  readonly faultCode: number;
  readonly faultText: string;

  constructor(method: string, faultCode: number, faultText: string) {
    super(`${method}: Kamailio answered ${faultCode} "${faultText}"`);
    this.method = method;
    this.faultCode = faultCode;
    this.faultText = faultText;
  }
}

/** A server sent bytes that its protocol does not allow; the connection is closed. */
export class ProtocolError extends CarnaError {
  readonly code = 'CARNA_PROTOCOL';
}

/** A supervised server's control port cannot be reached or closed on us. Worth retrying. */
export class ServerUnavailableError extends CarnaError {
  readonly code = 'CARNA_SERVER_UNAVAILABLE';
}

/** FreeSWITCH refused the password or our address. Retrying the same will not help. */
export class EslAuthError extends CarnaError {
  readonly code = 'CARNA_ESL_AUTH';
}

/** FreeSWITCH answered a command with -ERR or -USAGE. */
export class EslReplyError extends CarnaError {
  readonly code = 'CARNA_ESL_REPLY';
  readonly reply: string;

  constructor(command: string, reply: string) {
    super(`${command}: FreeSWITCH answered ${reply}`);
    this.reply = reply;
  }
}

/** The SIP server could not be started or did not become ready. */
export class ServerStartError extends CarnaError {
  readonly code = 'CARNA_SERVER_START';
}

/** A guard holds the change back (exit code 4). */
export class HeldByGuardError extends CarnaError {
  readonly code = 'CARNA_HELD_BY_GUARD';
}

/** A program, port or file that is needed is missing; the message names it and the remedy. */
export class MissingPartError extends CarnaError {
  readonly code = 'CARNA_MISSING_PART';
  readonly remedy: string;

  constructor(what: string, remedy: string) {
    super(`${what}\n  remedy: ${remedy}`);
    this.remedy = remedy;
  }
}

/** A step of the lab did not do what it says. */
export class LabError extends CarnaError {
  readonly code = 'CARNA_LAB';
}

/** The table changed between reading and writing, or went back in time; nothing was written. Read again and plan anew. */
export class StoreConflictError extends CarnaError {
  readonly code = 'CARNA_STORE_CONFLICT';
}

/** The message of anything thrown, for logs and screens. */
export function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}

/** The SIP server ended too often in too short a time: the agent gives up so that its task is moved. */
export class CrashLoopError extends CarnaError {
  readonly code = 'CARNA_CRASH_LOOP';
}

/** No Marathon could be reached, or none could answer just now; nothing was asked of it that changes anything. Worth retrying. */
export class MarathonUnavailableError extends CarnaError {
  readonly code = 'CARNA_MARATHON_UNAVAILABLE';
}

/** What answered at Marathon's address did not answer as Marathon does: HTML, an empty body, half a JSON, too much, a login page. */
export class MarathonAnswerError extends CarnaError {
  readonly code = 'CARNA_MARATHON_ANSWER';
}

/** Marathon answered no: wrong credentials, unknown id, invalid definition. Retrying the same will not help; `status` is HTTP's. */
export class MarathonRefusedError extends CarnaError {
  readonly code = 'CARNA_MARATHON_REFUSED';
  readonly status: number;

  constructor(what: string, status: number, why: string) {
    super(`${what}: Marathon answered ${status}: ${why}`);
    this.status = status;
  }
}

/** A change was sent to Marathon and its answer was lost, late or unreadable: it may or may not have happened. Look before repeating. */
export class MarathonAmbiguousError extends CarnaError {
  readonly code = 'CARNA_MARATHON_AMBIGUOUS';
}
