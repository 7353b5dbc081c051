/** Where a long command tells what it does; the command line draws it, tests collect it. */
export interface Progress {
  /** A part begins to start; many may be under way at once. */
  begin(part: string): void;
  /** A part is ready. */
  ready(part: string, tookMs: number): void;
  /** Takes the live display away; what follows is ordinary output. */
  end(): void;
}

export interface TextTarget {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
}

/**
 * Draws one line that is redrawn on a terminal ("up  9/15  waiting for media-2, media-3"), and in a pipe
 * one line for each part that became ready.
 */
export function textProgress(target: TextTarget, total: number): Progress {
  const waiting = new Set<string>();
  let done = 0;
  const draw = (): void => {
    if (!target.isTTY) return;
    const line = `  ${done}/${total} ready   waiting for ${[...waiting].join(', ')}`;
    target.write(`\r\u001b[2K${line.slice(0, Math.max(20, target.columns - 1))}`);
  };
  return {
    begin: (part) => {
      waiting.add(part);
      draw();
    },
    ready: (part, tookMs) => {
      waiting.delete(part);
      done++;
      if (target.isTTY) draw();
      else target.write(`  ${part} ready after ${(tookMs / 1000).toFixed(1)} s\n`);
    },
    end: () => {
      if (target.isTTY) target.write('\r\u001b[2K');
    },
  };
}
