import { createServer, type Server } from 'node:net';
import { messageOf } from '../../util/errors.js';
import { wait } from '../../util/wait.js';
import type { ApiContext } from './api-context.js';
import { clockText } from './clock-text.js';
import { EslConnection } from './esl-connection.js';
import type { StandinLogger } from './logger.js';
import { LOG_LEVELS } from './log-levels.js';
import type { Timers } from './timers.js';

/** The port taken at start is tried again this often, for as long as it takes. */
const BIND_RETRY_MS = 100;
/** More clients than this are dropped at accept. */
export const MAX_CONNECTIONS = 1000;

export interface EslServerParts {
  readonly context: Omit<ApiContext, 'writeLog'>;
  readonly timers: Timers;
  readonly log: StandinLogger;
  /** Whether an address may connect; the real one's default list is loopback. */
  readonly isAllowed: (address: string) => boolean;
}

/** The Event Socket server. */
export class EslServer {
  readonly #parts: EslServerParts;
  readonly #context: ApiContext;
  readonly #connections = new Set<EslConnection>();
  #server: Server | null = null;

  constructor(parts: EslServerParts) {
    this.#parts = parts;
    this.#context = { ...parts.context, writeLog: (level, text) => this.#writeLog(level, text) };
  }

  /** Resolves when the port is bound or `signal` aborts; a taken port is tried again and again. */
  async open(signal: AbortSignal): Promise<void> {
    const { eslHost, eslPort } = this.#parts.context.config;
    for (let tries = 0; !signal.aborted; tries += 1) {
      try {
        this.#server = await this.#listen(eslHost, eslPort);
        return;
      } catch (err) {
        if (tries === 0)
          this.#parts.log.error({ err: messageOf(err) }, 'esl port cannot be bound, trying on');
        await wait(BIND_RETRY_MS, signal);
      }
    }
  }

  /** The bound port, or null. */
  get port(): number | null {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : null;
  }

  /** Tells every client that the system stops, and closes the port. */
  shutdown(): void {
    for (const connection of [...this.#connections]) connection.shutdown();
    this.#server?.close();
    this.#server = null;
  }

  /** Closes everything without a word. */
  destroy(): void {
    for (const connection of [...this.#connections]) connection.destroy();
    this.#server?.close();
    this.#server = null;
  }

  async #listen(host: string, port: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new EslConnection(socket, {
        context: this.#context,
        timers: this.#parts.timers,
        log: this.#parts.log,
        isAllowed: this.#parts.isAllowed(socket.remoteAddress ?? ''),
        onClose: () => this.#connections.delete(connection),
      });
      this.#connections.add(connection);
    });
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    server.on('error', (err) =>
      this.#parts.log.error({ err: messageOf(err) }, 'esl server failed'),
    );
    return server;
  }

  #writeLog(level: number, text: string): void {
    const { wallMs, logLevel } = this.#context.switch;
    if (level > logLevel) return;
    const micros = String(Math.floor(wallMs * 1000) % 1_000_000).padStart(6, '0');
    const name = (LOG_LEVELS[level] ?? 'debug').toUpperCase();
    const line = `${clockText(wallMs)}.${micros} 90.00% [${name}] mod_commands.c:7227 ${text}\n`;
    for (const connection of [...this.#connections]) connection.writeLog(level, line);
  }
}

/** As FreeSWITCH's list `loopback.auto`. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address.startsWith('::ffff:127.') || address === '::1';
}
