import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { Values } from '../../marathon/render/values.js';
import type { ValuesFault } from '../../marathon/render/values-codec.js';
import { decodeValues } from '../../marathon/render/values-codec.js';
import { messageOf, MissingPartError } from '../../util/errors.js';

/** A mistake in a file, for people. */
export interface FileFault {
  /** From 1; null when it is about something that is not there. */
  readonly line: number | null;
  readonly path: string;
  readonly what: string;
}

export type ReadValues =
  | { readonly kind: 'ok'; readonly values: Values }
  | { readonly kind: 'faulty'; readonly faults: readonly FileFault[] };

/** The values of a data centre take a few kilobytes. */
const MAX_CHARACTERS = 1024 * 1024;
const MAX_ALIASES = 100;

/** Reads a file of values; its mistakes are a value. Throws MissingPartError when it cannot be read. */
export function readValues(file: string): ReadValues {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (err) {
    throw new MissingPartError(
      `${file} cannot be read: ${messageOf(err)}`,
      'carna marathon values > values.yaml prints an example to start from',
    );
  }
  if (text.length > MAX_CHARACTERS) {
    return { kind: 'faulty', faults: [{ line: null, path: '', what: 'it is too large' }] };
  }
  return parseValues(text);
}

/** Reads the text of such a file. Pure. */
export function parseValues(text: string): ReadValues {
  const lines = new LineCounter();
  // Without excerpts in the messages: the file may hold what nobody shall read in a log.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings].map(({ message, pos }) => {
    return { line: lines.linePos(pos[0]).line, path: '', what: `is no YAML: ${message}` };
  });
  if (broken.length > 0) return { kind: 'faulty', faults: broken };
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (err) {
    return { kind: 'faulty', faults: [{ line: null, path: '', what: messageOf(err) }] };
  }
  const decoded = decodeValues(raw);
  if (decoded.kind === 'ok') return decoded;
  return {
    kind: 'faulty',
    faults: decoded.faults.map((fault) => inFile(fault, document, lines)),
  };
}

function inFile(
  { path, at, what }: ValuesFault,
  document: Document,
  lines: LineCounter,
): FileFault {
  const node: unknown = at.length === 0 ? null : document.getIn(at, true);
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
  const start: unknown = Array.isArray(range) ? range[0] : null;
  return { line: typeof start === 'number' ? lines.linePos(start).line : null, path, what };
}
