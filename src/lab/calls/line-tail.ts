import { closeSync, openSync, readSync } from 'node:fs';

/** Reads a growing text file line by line. */
export interface LineTail {
  /** The lines completed since the last question; none while the file does not exist. */
  newLines(): string[];
  /** Safe to repeat. */
  close(): void;
}

const CHUNK_BYTES = 65_536;

/** Follows `file` from its beginning; it need not exist yet. */
export function openLineTail(file: string): LineTail {
  let fd: number | null = null;
  let rest = '';
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const more = (): string => {
    if (fd === null) return '';
    const bytes = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    return chunk.toString('latin1', 0, bytes);
  };
  return {
    newLines: () => {
      fd ??= tryOpen(file);
      for (let text = more(); text !== ''; text = more()) rest += text;
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      return lines;
    },
    close: () => {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}

function tryOpen(file: string): number | null {
  try {
    return openSync(file, 'r');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  }
}
