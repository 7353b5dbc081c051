import type { z } from 'zod';
import { cutText } from '../util/cut-text.js';
import { ConfigError } from '../util/errors.js';

/** The environment as an argument: `process.env` is handed in by the command, never read here. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Reads a whole file as text; throws as node:fs does. */
export type ReadFile = (path: string) => string;

/** One variable of the environment: how it is read and what README says of it. */
export interface Variable<T> {
  readonly name: `CARNA_${string}`;
  /** As one would write it; null = none. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  /** Its value is never shown, and `<name>_FILE` may name a file that holds it. */
  readonly isSecret: boolean;
  readonly expected: string;
  readonly meaning: string;
  /** The value, or undefined when the text is not what is expected. */
  readonly parse: (text: string) => { readonly value: T } | undefined;
  /** What an unset variable without fallback gives. */
  readonly absent: T | undefined;
}

/** Variables by the name of the field that they fill. */
export type VariableTable = Readonly<Record<string, Variable<unknown>>>;

/** The readonly config that a table compiles to. */
export type ValuesOf<S extends VariableTable> = {
  readonly [K in keyof S]: S[K] extends Variable<infer T> ? T : never;
};

interface Words {
  readonly expected: string;
  readonly meaning: string;
  readonly isSecret?: boolean;
}

/** A variable that must be set. */
export function required<T>(
  name: `CARNA_${string}`,
  schema: z.ZodType<T, string>,
  words: Words,
): Variable<T> {
  return { ...base<T>(name, schema, words), fallback: null, isRequired: true, absent: undefined };
}

/** A variable that may be unset: null then. */
export function optional<T>(
  name: `CARNA_${string}`,
  schema: z.ZodType<T, string>,
  words: Words,
): Variable<T | null> {
  return {
    ...base<T | null>(name, schema, words),
    fallback: null,
    isRequired: false,
    absent: null,
  };
}

/** A variable with a default, written as one would write it in the environment. */
export function withDefault<T>(
  name: `CARNA_${string}`,
  fallback: string,
  schema: z.ZodType<T, string>,
  words: Words,
): Variable<T> {
  return { ...base<T>(name, schema, words), fallback, isRequired: false, absent: undefined };
}

function base<T>(
  name: `CARNA_${string}`,
  schema: z.ZodType<T, string>,
  words: Words,
): Pick<Variable<T>, 'name' | 'isSecret' | 'expected' | 'meaning' | 'parse'> {
  const parse = (text: string): { readonly value: T } | undefined => {
    const result = schema.safeParse(text);
    return result.success ? { value: result.data } : undefined;
  };
  return { name, isSecret: false, ...words, parse };
}

/**
 * Compiles the environment into one readonly config. An empty variable counts as unset.
 *
 * `check` may add faults that concern several variables; it is asked only when each by itself is good.
 * Throws one ConfigError that lists every fault: the variable, what was expected, what was found
 * (never the value of a secret).
 */
export function compileConfig<S extends VariableTable>(
  table: S,
  env: Env,
  readFile: ReadFile,
  check: (values: ValuesOf<S>) => readonly string[] = () => [],
): ValuesOf<S> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [field, variable] of Object.entries(table)) {
    const result = readVariable(variable, env, readFile);
    if ('fault' in result) faults.push(result.fault);
    else values[field] = result.value;
  }
  if (faults.length > 0) throw new ConfigError(faults);
  const compiled = Object.freeze(values) as ValuesOf<S>;
  const joint = check(compiled);
  if (joint.length > 0) throw new ConfigError(joint);
  return compiled;
}

type ReadResult = { readonly value: unknown } | { readonly fault: string };

function readVariable(variable: Variable<unknown>, env: Env, readFile: ReadFile): ReadResult {
  const { name, expected } = variable;
  const found = variable.isSecret ? readSecret(name, env, readFile) : { text: env[name] };
  if ('fault' in found) return found;
  const text = found.text === undefined || found.text === '' ? variable.fallback : found.text;
  if (text === null) {
    if (variable.absent !== undefined) return { value: variable.absent };
    const or = variable.isSecret ? ` (or ${name}_FILE)` : '';
    return { fault: `${name}${or}: expected ${expected}, found nothing` };
  }
  const parsed = variable.parse(text);
  if (parsed !== undefined) return parsed;
  const shown = variable.isSecret ? 'something else (a secret, not shown)' : quote(text);
  return { fault: `${name}: expected ${expected}, found ${shown}` };
}

function readSecret(
  name: string,
  env: Env,
  readFile: ReadFile,
): { readonly text: string | undefined } | { readonly fault: string } {
  const path = env[`${name}_FILE`];
  if (path === undefined || path === '') return { text: env[name] };
  if (env[name] !== undefined && env[name] !== '') {
    return { fault: `${name}: expected it or ${name}_FILE, found both` };
  }
  try {
    return { text: readFile(path).trim() };
  } catch (err) {
    const why = (err as NodeJS.ErrnoException).code ?? 'an error';
    return { fault: `${name}_FILE: expected a readable file, found ${why} for ${quote(path)}` };
  }
}

const MAX_QUOTED = 80;

function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${cutText(text, MAX_QUOTED)}…` : text);
}

/** One line of README's table of variables. */
export interface VariableDoc {
  readonly name: string;
  /** null = none. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  readonly expected: string;
  readonly meaning: string;
}

/** What README says of a table, in its order; a secret has a second line for its `_FILE` variant. */
export function describeVariables(table: VariableTable): VariableDoc[] {
  return Object.values(table).flatMap((variable) => {
    const { name, fallback, isRequired, isSecret, expected, meaning } = variable;
    const doc = { name, fallback, isRequired, isSecret, expected, meaning };
    if (!isSecret) return [doc];
    const file = {
      name: `${name}_FILE`,
      fallback: null,
      isRequired: false,
      isSecret: false,
      expected: 'path of a file',
      meaning: `file that holds ${name} instead`,
    };
    return [doc, file];
  });
}
