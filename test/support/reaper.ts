import { readdirSync, readFileSync } from 'node:fs';

/** Every process of a test run inherits this variable, so none can hide by detaching. */
export const RUN_MARK = 'CARNA_TEST_RUN';

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/** The living processes, other than ourselves, whose environment carries this run's mark (Linux /proc). */
export function markedProcesses(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!environ.includes(`${RUN_MARK}=${mark}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (command !== '') found.push({ pid, command });
    } catch {
      continue; // Ended meanwhile, or not ours to read.
    }
  }
  return found;
}

/** Kills what still carries the mark, until nothing does; gives what it had to kill. */
export function killMarked(mark: string): MarkedProcess[] {
  const killed = new Map<number, MarkedProcess>();
  for (let round = 0; round < 50; round++) {
    const alive = markedProcesses(mark);
    if (alive.length === 0) break;
    for (const found of alive) {
      killed.set(found.pid, found);
      try {
        process.kill(found.pid, 'SIGKILL');
      } catch {
        continue; // Ended meanwhile.
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  return [...killed.values()];
}
