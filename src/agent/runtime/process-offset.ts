import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';

/** Digits of the largest safe integer, and a newline: always the same size, so that one write replaces it. */
const WIDTH = 17;

/** A number kept in a file by one system call, so that no crash of ours leaves half of it. */
export class OffsetFile {
  readonly #fd: number;

  /** Makes the file when there is none. Throws what the file system throws. */
  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** Null when none was kept. */
  read(): number | null {
    const buffer = Buffer.alloc(WIDTH);
    const sizeBytes = readSync(this.#fd, buffer, 0, WIDTH, 0);
    const text = buffer.toString('latin1', 0, sizeBytes);
    return /^\d{16}\n$/.test(text) ? Number(text) : null;
  }

  /** Throws what the file system throws. */
  write(offset: number): void {
    writeSync(this.#fd, `${String(offset).padStart(WIDTH - 1, '0')}\n`, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
