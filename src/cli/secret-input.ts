import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { passwordFault } from '../topology/account.js';
import { UsageError } from '../util/errors.js';
import type { Context } from './context.js';
import type { ProcessLike } from './process-like.js';

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
  const prompt = openHiddenPrompt(context.proc);
  try {
    const first = await prompt.ask('Password: ');
    if (first === null) return null;
    const fault = passwordFault(first);
    if (fault !== null) throw new UsageError(`${fault} (nothing was changed)`);
    const second = await prompt.ask('The same again: ');
    if (second !== null && second !== first) {
      throw new UsageError('expected the same password twice, found two (nothing was changed)');
    }
    return second;
  } finally {
    prompt.close();
  }
}

interface HiddenPrompt {
  /** The next line that is typed, without echo. Null on Ctrl-C and at the end of input. */
  ask(question: string): Promise<string | null>;
  /** Gives the terminal back. */
  close(): void;
}

/** One line editor for all questions: what is pasted in one go may hold more than one line. */
function openHiddenPrompt(proc: ProcessLike): HiddenPrompt {
  // It echoes into nothing and keeps no history.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const editor = createInterface({ input: proc.stdin, output, terminal: true, historySize: 0 });
  const typed: string[] = [];
  let isOver = false;
  let wake = (): void => undefined;
  editor.on('line', (line) => {
    typed.push(line);
    wake();
  });
  editor.on('close', () => {
    isOver = true;
    wake();
  });
  const stop = (): void => editor.close();
  editor.on('SIGINT', stop);
  proc.on('SIGINT', stop);
  return {
    ask: async (question) => {
      proc.stderr.write(question);
      if (typed.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve));
      proc.stderr.write('\n');
      return typed.shift() ?? null;
    },
    close: () => {
      proc.off('SIGINT', stop);
      editor.close();
    },
  };
}
