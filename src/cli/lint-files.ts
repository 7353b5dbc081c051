import { readFileSync } from 'node:fs';
import { AGENT_VARIABLES } from '../config/agent.js';
import { CLI_VARIABLES } from '../config/cli.js';
import { INIT_VARIABLES } from '../config/init.js';
import { RECONCILER_VARIABLES } from '../config/reconciler.js';
import { describeVariables } from '../config/variables.js';
import { duplicateNames } from '../marathon/lint/duplicate-names.js';
import type { Finding, LintFacts } from '../marathon/lint/finding.js';
import type { Json } from '../marathon/lint/json.js';
import { kindOf, lintDefinition } from '../marathon/lint/lint.js';
import type { DefinitionKind } from '../marathon/lint/lint.js';
import { messageOf } from '../util/errors.js';
import { serverVariables } from './server-variables.js';

/** What was found in one file. `error`: it could not be read or is no JSON; nothing else is known then. */
export interface LintedFile {
  readonly file: string;
  readonly kind: DefinitionKind | null;
  readonly findings: readonly Finding[];
  readonly error: string | null;
}

/** Largest definition that is read, in characters: Marathon's own limit for a request is below. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Objects and lists inside each other; a group in a group needs two. */
const MAX_NESTING = 200;

/** A file's findings, and what it holds; undefined where it cannot be read. */
export interface ReadFile {
  readonly linted: LintedFile;
  readonly document: Json | undefined;
}

/** Reads and checks one file; a fault of the file is a value, not an error. */
export function lintFile(file: string, facts: LintFacts): LintedFile {
  return readLinted(file, facts).linted;
}

/** The same, with the document that was checked. */
export function readLinted(file: string, facts: LintFacts): ReadFile {
  const unreadable = (error: string): ReadFile => {
    return { linted: { file, kind: null, findings: [], error }, document: undefined };
  };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (err) {
    return unreadable(`cannot be read: ${messageOf(err)}`);
  }
  if (text.length > MAX_CHARACTERS) return unreadable('is too large for a definition');
  if (nestingOf(text) > MAX_NESTING) return unreadable('is nested too deeply for a definition');
  let document: Json;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, '')) as Json;
  } catch (err) {
    return unreadable(`is no JSON${placeOf(text, messageOf(err))}`);
  }
  const findings = [...duplicateNames(text), ...lintDefinition(document, facts)];
  return { linted: { file, kind: kindOf(document), findings, error: null }, document };
}

function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, ++depth);
    else if (token === '}' || token === ']') depth--;
  }
  return deepest;
}

/** The parser's own words quote the text, which may hold a secret: only the place is kept. */
function placeOf(text: string, message: string): string {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return text.trim() === '' ? ': it is empty' : ': it ends too early';
  const before = text.slice(0, Number(position)).split('\n');
  return `: line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** What Carna's programs and the SIP servers' configurations read, from these themselves. */
export function lintFacts(): LintFacts {
  const tables = [AGENT_VARIABLES, RECONCILER_VARIABLES, INIT_VARIABLES, CLI_VARIABLES];
  const variables = tables.flatMap((table) => describeVariables(table));
  return {
    drainDeadlineMs: Number(AGENT_VARIABLES.drainDeadlineMs.fallback),
    httpPort: Number(AGENT_VARIABLES.httpPort.fallback),
    variables: new Set([...variables.map(({ name }) => name), ...serverVariables()]),
    secretVariables: new Set(variables.flatMap(({ name, isSecret }) => (isSecret ? [name] : []))),
  };
}
