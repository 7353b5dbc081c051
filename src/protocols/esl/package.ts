import { FreeSwitchError } from 'esl';
import { InvalidInputError } from '../../util/errors.js';
import type { EslEvent, EslOptions } from './session.js';

/** The package's own time-outs must never come before ours, which also close the connection. In ms. */
export const PACKAGE_MARGIN_MS = 1_000;

/** The members of an event that are texts; arrays and whatever else JSON can hold are left out. */
export function textsOf(body: Readonly<Record<string, unknown>>): EslEvent {
  const texts = Object.entries(body).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts) as EslEvent;
}

/** What FreeSWITCH answered, when that is why the package rejected. */
export function replyOf(err: unknown): string | undefined {
  if (!(err instanceof FreeSwitchError)) return undefined;
  const reply = err.args['reply'];
  return typeof reply === 'string' ? reply : undefined;
}

/** True for a body that says no; other bodies may begin with a minus sign as well. */
export function isRefusal(body: string): boolean {
  return body.startsWith('-ERR') || body.startsWith('-USAGE');
}

/** Throws InvalidInputError for a text that would not be one line of the protocol. */
export function requireOneLine(what: string, text: string): void {
  if (text.trim() === '') throw new InvalidInputError(what, 'it is empty');
  if (/[\r\n\0]/.test(text)) throw new InvalidInputError(what, 'it contains a line break');
}

/** The package logs whole commands, the password among them: only its messages pass, redacted, at trace. */
export function packageLogger(options: EslOptions): {
  debug: (message: string) => void;
  info: (message: string) => void;
  error: (message: string) => void;
} {
  const write = (message: string): void => {
    if (!options.log.isLevelEnabled('trace')) return;
    options.log.trace({ esl: message.replaceAll(options.password, '[redacted]') }, 'esl package');
  };
  return { debug: write, info: write, error: write };
}
