import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after } from 'node:test';
import type { Logger } from 'pino';
import pino from 'pino';
import type { EslOptions, EslSession } from '../../../src/protocols/esl/session.js';
import { openEslSession } from '../../../src/protocols/esl/session.js';
import { waitUntil } from '../../../src/util/wait.js';
import type { ScriptedServer } from './replay.js';
import { play, recordedAnswers, recordedGreeting, startServer } from './replay.js';

export const GENEROUS_MS = 20_000;
export const SHORT_MS = 60;

/** When a file's tests are over: no socket and no timer is left, and no error came that nobody caught. */
export function leavesNothingBehind(): void {
  const uncaught: unknown[] = [];
  process.on('unhandledRejection', (err) => uncaught.push(err));
  process.on('uncaughtExceptionMonitor', (err) => uncaught.push(err));
  after(async () => {
    await waitUntil('no socket or timer is left', 10_000, () => leftovers().length === 0);
    assert.deepEqual(uncaught, []);
  });
}

/** Timers and TCP sockets that keep this process alive. */
function leftovers(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /^TCP|^Timeout/.test(name));
}

const silent: Logger = pino({ enabled: false });

/** A session with `server`, patient and silent unless `options` say otherwise. */
export const open = async (
  server: Pick<ScriptedServer, 'host' | 'port'>,
  options: Partial<EslOptions> = {},
): Promise<EslSession> =>
  openEslSession({
    host: server.host,
    port: server.port,
    password: 'ClueCon',
    allowStockPassword: true,
    log: silent,
    timeoutMs: GENEROUS_MS,
    ...options,
  });

/** Opens a session with `server`, closes it and the server after `use`. */
export async function withSession(
  server: ScriptedServer,
  use: (session: EslSession) => Promise<void>,
): Promise<void> {
  try {
    const session = await open(server);
    await use(session);
    await session.close();
  } finally {
    await server.close();
  }
}

/** Authenticates and gives a core uuid as FreeSWITCH does; other commands go to `onCommand`. */
export const answering = async (
  onCommand: (socket: Socket, command: string) => void,
): Promise<ScriptedServer> => {
  const basics = recordedAnswers('01', '14');
  return startServer({
    onConnect: (socket) => void play(socket, recordedGreeting('01')),
    onCommand: (socket, command) => {
      const answer = basics.get(command);
      if (answer === undefined) onCommand(socket, command);
      else void play(socket, answer);
    },
  });
};
