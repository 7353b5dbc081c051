import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { passwordFault } from '../topology/account.js';
import { UsageError } from '../util/errors.js';
import type { Context } from './context.js';

/** Where a password comes from: never from argv, which everybody on the machine can read. */
export interface PasswordOptions {
  readonly passwordStdin?: true;
  readonly generate?: true;
}

export interface Password {
  readonly text: string;
  /** It was made here and must be shown, once. */
  readonly isGenerated: boolean;
}

/** Gives so many random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/**
 * Gets a password: made here, from standard input, or asked for twice on the terminal without echo.
 *
 * Null when whoever was asked gave up. Throws UsageError for one that cannot be used, and when there is
 * nobody to ask; no error quotes it.
 */
export async function readPassword(
  context: Context,
  options: PasswordOptions,
  random: RandomBytes,
): Promise<Password | null> {
  if (options.generate === true && options.passwordStdin === true) {
    throw new UsageError('expected --generate or --password-stdin, found both');
  }
  if (options.generate === true) return { text: generatePassword(random), isGenerated: true };
  const given =
    options.passwordStdin === true ? await readAll(context.proc.stdin) : await askTwice(context);
  if (given === null) return null;
  const fault = passwordFault(given);
  if (fault !== null) throw new UsageError(`${fault} (nothing was changed)`);
  return { text: given, isGenerated: false };
}

/** No two of them look alike, in print or read aloud. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 5 bits each. */
const GENERATED_LENGTH = 24;

/** A password of 120 random bits. */
export function generatePassword(random: RandomBytes): string {
  return [...random(GENERATED_LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

const MAX_STDIN = 4096;

/** Everything on standard input, without the newline at its end. */
async function readAll(stdin: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    chunks.push(bytes);
    size += bytes.length;
    if (size > MAX_STDIN) {
      throw new UsageError(`expected a password on standard input, found over ${MAX_STDIN} bytes`);
    }
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

async function askTwice(context: Context): Promise<string | null> {
  if (context.proc.stdin.isTTY !== true) {
    throw new UsageError(
      'expected a terminal to ask for the password, --password-stdin or --generate, found none (nothing was changed)',
    );
  }
  const first = await askHidden(context, 'Password: ');
  if (first === null) return null;
  const fault = passwordFault(first);
  if (fault !== null) throw new UsageError(`${fault} (nothing was changed)`);
  const second = await askHidden(context, 'The same again: ');
  if (second !== null && second !== first) {
    throw new UsageError('expected the same password twice, found two (nothing was changed)');
  }
  return second;
}

/** Asks on the terminal without echo. Null on Ctrl-C and at the end of input. */
async function askHidden({ proc }: Context, question: string): Promise<string | null> {
  proc.stderr.write(question);
  // The line editor echoes into nothing, and keeps no history.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: proc.stdin, output, terminal: true, historySize: 0 });
  const answer = new Promise<string | null>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(null));
    lines.once('SIGINT', () => resolve(null));
  });
  const stop = (): void => lines.close();
  proc.on('SIGINT', stop);
  try {
    return await answer;
  } finally {
    proc.off('SIGINT', stop);
    lines.close();
    proc.stderr.write('\n');
  }
}
