import { constants, existsSync, fchmodSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Timekeeper } from '../ports.js';
import { FileTail } from './file-tail.js';

/**
 * A server writes to a file, not to a pipe: a pipe breaks with the agent, or fills up and blocks the server.
 * The file is emptied as the agent reads on, and at each start.
 */
const FILE = 'server.log';
const OFFSET_FILE = 'server.log.offset';

/** An empty file for the output of a new server; gives the descriptor. Throws what the file system throws. */
export function openOutput(stateDir: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_TRUNC } = constants;
  const fd = openSync(join(stateDir, FILE), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC, 0o600);
  fchmodSync(fd, 0o600); // It may be one of ours with another mode.
  return fd;
}

/** Logs the server's output from the file's beginning or from where the last agent stopped; null when it cannot. */
export function followOutput(
  stateDir: string,
  from: 'start' | 'kept',
  log: Logger,
  time: Timekeeper,
): FileTail | null {
  try {
    return new FileTail({
      path: join(stateDir, FILE),
      offsetPath: join(stateDir, OFFSET_FILE),
      from,
      emit: (line) => log.info({ stream: 'output', line }, 'server output'),
      log,
      time,
    });
  } catch (err) {
    log.warn({ err }, 'the server output cannot be followed until the next start');
    return null;
  }
}

/** Logs what a server said that ended while no agent lived. */
export async function logLastWords(stateDir: string, log: Logger, time: Timekeeper): Promise<void> {
  if (!existsSync(join(stateDir, OFFSET_FILE))) return;
  await followOutput(stateDir, 'kept', log, time)?.end();
}
