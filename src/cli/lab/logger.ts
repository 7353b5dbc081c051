import type { Logger } from 'pino';
import { createLogger } from '../logger.js';

/** The lab's own log: silent unless CARNA_LOG_LEVEL asks for it, since the screen tells the story. */
export function labLogger(env: Readonly<Record<string, string | undefined>>): Logger {
  const level = env['CARNA_LOG_LEVEL'];
  const isWanted = level === 'debug' || level === 'trace' || level === 'warn' || level === 'error';
  return createLogger({ level: isWanted ? level : 'silent', base: { command: 'lab' } });
}
