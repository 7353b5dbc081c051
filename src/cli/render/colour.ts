import { stripVTControlCharacters } from 'node:util';
import type { Env } from '../../config/variables.js';

/** Colours by meaning. Each returns its text unchanged when colour is off. */
export interface Painter {
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const same = (text: string): string => text;

export const PLAIN: Painter = { good: same, warn: same, bad: same, dim: same, bold: same };

const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`;

export const COLOURED: Painter = {
  good: sgr(32, 39),
  warn: sgr(33, 39),
  bad: sgr(31, 39),
  dim: sgr(2, 22),
  bold: sgr(1, 22),
};

/**
 * Colour or not. NO_COLOR (not empty) turns it off, else FORCE_COLOR (not empty, not 0) turns it on,
 * else a terminal that is not `dumb` has it.
 */
export function painterFor(isTty: boolean, env: Env): Painter {
  if ((env['NO_COLOR'] ?? '') !== '') return PLAIN;
  const force = env['FORCE_COLOR'] ?? '';
  if (force !== '') return force === '0' || force === 'false' ? PLAIN : COLOURED;
  return isTty && env['TERM'] !== 'dumb' ? COLOURED : PLAIN;
}

/** Columns that a text fills, colours apart. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Text from outside for a terminal: control characters, which could move the cursor, become `?`. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}
