import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The server that an agent started, kept on disk so that the agent's successor finds it. */
export interface ServerFile {
  readonly pid: number;
  readonly startTicks: number;
  /** Wall clock in ms. */
  readonly startedAt: number;
  /** Another boot makes pid and ticks meaningless. */
  readonly bootId: string;
}

const FILE = 'server.json';

/** Replaces the file at once (rename), so that a reader never sees half of it. */
export function writeServerFile(stateDir: string, content: ServerFile): void {
  mkdirSync(stateDir, { recursive: true });
  const path = join(stateDir, FILE);
  writeFileSync(`${path}.new`, JSON.stringify(content));
  renameSync(`${path}.new`, path);
}

export function removeServerFile(stateDir: string): void {
  rmSync(join(stateDir, FILE), { force: true });
}

/** Null when there is none, it cannot be read, or it is of another boot. */
export function readServerFile(stateDir: string): ServerFile | null {
  let content: Partial<Record<keyof ServerFile, unknown>>;
  try {
    content = JSON.parse(readFileSync(join(stateDir, FILE), 'utf8')) as typeof content;
  } catch {
    return null;
  }
  const { pid, startTicks, startedAt, bootId } = content ?? {};
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 2) return null;
  if (typeof startTicks !== 'number' || typeof startedAt !== 'number') return null;
  if (bootId !== readBootId()) return null;
  return { pid, startTicks, startedAt, bootId };
}

/** Differs after every boot of the machine; empty where the kernel does not tell. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
