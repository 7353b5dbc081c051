import type { ViewState } from '../../topology/view.js';
import type { Painter } from './colour.js';

/** A state as a glyph, a word and a colour: the same everywhere. `held`: kept back by a guard. */
interface Mark {
  readonly glyph: string;
  readonly colour: keyof Painter;
}

const MARKS: Readonly<Record<ViewState | 'held', Mark>> = {
  up: { glyph: '●', colour: 'good' },
  draining: { glyph: '◐', colour: 'warn' },
  down: { glyph: '○', colour: 'bad' },
  starting: { glyph: '◌', colour: 'dim' },
  silent: { glyph: '?', colour: 'bad' },
  held: { glyph: '!', colour: 'warn' },
};

/** `● up`, coloured. */
export function stateMark(state: ViewState | 'held', paint: Painter): string {
  const { glyph, colour } = MARKS[state];
  return paint[colour](`${glyph} ${state}`);
}

/** `●`, coloured: only beside the word or a number whose meaning the line tells. */
export function stateGlyph(state: ViewState | 'held', paint: Painter): string {
  const { glyph, colour } = MARKS[state];
  return paint[colour](glyph);
}
