import type { Context } from './context.js';

const HOME_AND_HIDE_CURSOR = '\x1b[2J\x1b[H\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** A terminal screen that is drawn over and over; the last drawing stays when it is closed. */
export interface Screen {
  /** Draws the lines from the top; what does not fit is left out with a note. */
  draw(lines: readonly string[]): void;
  close(): void;
}

/** Takes over the terminal of `context`. Close it, or the cursor stays hidden. */
export function openScreen(context: Context): Screen {
  const { stdout } = context.proc;
  stdout.write(HOME_AND_HIDE_CURSOR);
  return {
    draw: (lines) => {
      const rows = stdout.rows ?? 24;
      const shown =
        lines.length < rows ? lines : [...lines.slice(0, rows - 2), '… the window is too low'];
      stdout.write(`\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
    },
    close: () => {
      stdout.write(SHOW_CURSOR);
    },
  };
}
