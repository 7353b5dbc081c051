import { cutText } from '../../util/cut-text.js';
import {
  InvalidInputError,
  MarathonAmbiguousError,
  MarathonAnswerError,
  MarathonRefusedError,
} from '../../util/errors.js';
import type { MarathonApp, Started } from './answers.js';
import { readRefusal } from './answers-codec.js';
import type { Reply } from './call.js';

/** Somebody else's deployment holds the app: nothing was changed. Wait for these, then try again; never force. */
export interface Locked {
  readonly kind: 'locked';
  readonly deploymentIds: readonly string[];
  readonly message: string;
}

/** The same of an app that was just read; undefined when nothing holds it. Pure. */
export function lockOn({ id, deploymentIds }: MarathonApp): Locked | undefined {
  if (deploymentIds.length === 0) return undefined;
  return { kind: 'locked', deploymentIds, message: `${id} has a deployment under way` };
}

/** What a change answers: a deployment has begun. */
export type Change = ({ readonly kind: 'started' } & Started) | Locked;

/** A reply, with the request's name for errors and what takes secrets out of Marathon's words. */
export interface Spoken {
  readonly what: string;
  readonly reply: Reply;
  readonly redact: (text: string) => string;
}

/** What a busy proxy says, in whatever form; Marathon never does. */
const BUSY: ReadonlySet<number> = new Set([408, 429]);
/** Refusals by whoever asks for the password; they hold, whatever their form. */
const UNKNOWN_USER: ReadonlySet<number> = new Set([401, 403]);

type Reader<T> = (what: string, json: unknown) => T;

/** How much of Marathon's own words an error shows. */
const MAX_WORDS = 500;

/** What a read answered. Throws MarathonRefusedError, MarathonAnswerError, InvalidInputError. Pure. */
export function readReply<T>(spoken: Spoken, read: Reader<T>): T {
  if (spoken.reply.status !== 200) throw noOf(spoken);
  return read(spoken.what, spoken.reply.json);
}

/** The same, and undefined when Marathon says that there is no such thing. Pure. */
export function readKnown<T>(spoken: Spoken, read: Reader<T>): T | undefined {
  return isUnknown(spoken) ? undefined : readReply(spoken, read);
}

/**
 * What a change answered. An answer of success that cannot be read, or a no that is not Marathon's, leaves it open
 * what was done: MarathonAmbiguousError. Throws MarathonRefusedError when Marathon said no. Pure.
 */
export function readChange<T>(spoken: Spoken, read: Reader<T>, good: readonly number[] = [200]): T {
  const { what, reply } = spoken;
  if (reply.status >= 400) {
    const no = noOf(spoken);
    throw no instanceof MarathonAnswerError ? ambiguous(no.message, no) : no;
  }
  if (!good.includes(reply.status)) {
    throw ambiguous(`${what}: unexpected answer ${reply.status}`);
  }
  try {
    return read(what, reply.json);
  } catch (err) {
    if (!(err instanceof InvalidInputError)) throw err;
    throw ambiguous(err.message, err);
  }
}

/** The lock that refused a change, if that is what the reply says. Pure. */
export function lockOf(spoken: Spoken): Locked | undefined {
  if (spoken.reply.status !== 409) return undefined;
  const refusal = readRefusal(spoken.reply.json);
  if (refusal?.deploymentIds === undefined) return undefined;
  const message = cutText(spoken.redact(refusal.message), MAX_WORDS);
  return { kind: 'locked', deploymentIds: refusal.deploymentIds, message };
}

/**
 * Whether Marathon itself says that there is no such thing; a 404 of somebody else (a wrong address, a
 * proxy) must not pass for that. Throws MarathonAnswerError. Pure.
 */
export function isUnknown(spoken: Spoken): boolean {
  if (spoken.reply.status !== 404) return false;
  if (readRefusal(spoken.reply.json) !== undefined) return true;
  throw new MarathonAnswerError(`${spoken.what}: a 404 that is not Marathon's; is the URL right?`);
}

function noOf(spoken: Spoken): MarathonRefusedError | MarathonAnswerError {
  const { what, reply, redact } = spoken;
  if (reply.status < 400)
    return new MarathonAnswerError(`${what}: unexpected answer ${reply.status}`);
  const said = readRefusal(reply.json)?.message;
  if (BUSY.has(reply.status) || (said === undefined && !UNKNOWN_USER.has(reply.status))) {
    return new MarathonAnswerError(`${what}: a ${reply.status} that is not Marathon's`);
  }
  const words = said ?? 'no reason given';
  return new MarathonRefusedError(what, reply.status, cutText(redact(words), MAX_WORDS));
}

function ambiguous(why: string, cause?: Error): MarathonAmbiguousError {
  return new MarathonAmbiguousError(
    `${why}: it may or may not have happened, look before repeating`,
    { cause },
  );
}
