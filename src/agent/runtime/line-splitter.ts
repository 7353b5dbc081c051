import { cutText } from '../../util/cut-text.js';

/** A line of a server's output may be this long; the rest of it is dropped and marked with an ellipsis. */
export const MAX_LINE_LENGTH = 2_000;

/**
 * Cuts a stream of text into lines: the result takes pieces and calls `emit` once per line that is not
 * blank. Holds at most MAX_LINE_LENGTH characters, whatever comes in. `end` emits what is left.
 */
export function lineSplitter(emit: (line: string) => void): {
  readonly push: (text: string) => void;
  readonly end: () => void;
} {
  let held = '';
  let isCut = false;
  const add = (piece: string): void => {
    const room = MAX_LINE_LENGTH - held.length;
    if (piece.length > room) isCut = true;
    held += cutText(piece, Math.max(0, room));
  };
  const flush = (): void => {
    const line = held.trimEnd();
    if (line !== '') emit(isCut ? `${line}…` : line);
    held = '';
    isCut = false;
  };
  const push = (text: string): void => {
    const pieces = text.split('\n');
    const last = pieces.pop() ?? '';
    for (const piece of pieces) {
      add(piece);
      flush();
    }
    add(last);
  };
  return { push, end: flush };
}
