import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import { FreeSwitchResponse } from 'esl';
import {
  CarnaError,
  DeadlineError,
  EslAuthError,
  EslReplyError,
  messageOf,
  ProtocolError,
  ServerUnavailableError,
} from '../../util/errors.js';
import { withDeadline } from '../../util/wait.js';
import { CallQueue } from '../call-queue.js';
import { errorOf } from './failure.js';
import { FrameCutter } from './frames.js';
import { EslJobs } from './jobs.js';
import {
  isRefusal,
  packageLogger,
  PACKAGE_MARGIN_MS,
  replyOf,
  requireOneLine,
  textsOf,
} from './package.js';
import type { EslEvent, EslEventName, EslOptions, EslSession } from './session.js';
import { EslWire } from './wire.js';

/** Commands that may wait behind the one in flight; one more is refused at once. */
export const MAX_WAITING_COMMANDS = 64;

/** Without that parameter FreeSWITCH lets in loopback alone. */
const REJECTED = 'apply-inbound-acl in event_socket.conf.xml does not allow it';

/**
 * The session behind `openEslSession`: owns the socket, cuts its stream into messages, lets the esl
 * package match answers to commands, and closes on every doubt. The package's client class is not
 * used: it reconnects by itself, also after a refused password, and subscribes to events unasked.
 */
export class EslConnection implements EslSession {
  readonly closed: Promise<string>;
  coreUuid = '';
  readonly #options: EslOptions;
  readonly #where: string;
  readonly #queue = new CallQueue(MAX_WAITING_COMMANDS);
  readonly #cutter = new FrameCutter();
  readonly #socket: Socket;
  readonly #socketGone: Promise<void>;
  readonly #esl: FreeSwitchResponse;
  readonly #wire: EslWire;
  readonly #jobs: EslJobs;
  readonly #subscribed = new Set<string>();
  /** Why the connection ended; every rejection after that carries it. */
  #ended: Error | undefined;
  #resolveClosed: (reason: string) => void = () => undefined;

  constructor(options: EslOptions) {
    this.#options = options;
    this.#where = `FreeSWITCH at ${options.host}:${options.port}`;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#socket = createConnection({ host: options.host, port: options.port, noDelay: true });
    this.#socketGone = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.#wire = new EslWire((text) => this.#socket.write(text));
    this.#esl = new FreeSwitchResponse(this.#wire, packageLogger(options));
    this.#jobs = new EslJobs(this.#esl);
    this.#listenToSocket();
    this.#listenToPackage();
  }

  async open(): Promise<void> {
    const { password, timeoutMs } = this.#options;
    await this.#run('connect', timeoutMs, async (limitMs) =>
      this.#esl.onceAsync('freeswitch_auth_request', limitMs, 'open'),
    );
    await this.#run('auth', timeoutMs, async (limitMs) =>
      this.#esl.send(`auth ${password}`, {}, limitMs),
    );
    this.coreUuid = (await this.api('global_getvar core_uuid')).trim();
  }

  async api(command: string, timeoutMs = this.#options.timeoutMs): Promise<string> {
    requireOneLine('ESL command', command);
    return this.#run(`api ${command}`, timeoutMs, async (limitMs) => {
      try {
        return (await this.#esl.api(command, limitMs)).body;
      } catch (err) {
        const body = replyOf(err);
        if (body === undefined || isRefusal(body)) throw err;
        return body; // The package rejects every body that begins with a minus sign.
      }
    });
  }

  async bgapi(command: string, timeoutMs = this.#options.timeoutMs): Promise<string> {
    const startMs = performance.now();
    await this.#subscribe('BACKGROUND_JOB');
    const job = this.#jobs.expect(randomUUID());
    try {
      await this.#startJob(command, job.id, timeoutMs);
      const leftMs = Math.max(1, timeoutMs - (performance.now() - startMs));
      const body = await withDeadline(`bgapi ${command} on ${this.#where}`, leftMs, job.body);
      if (isRefusal(body)) throw new EslReplyError(`bgapi ${command}`, body.trim());
      return body;
    } catch (err) {
      if (err instanceof DeadlineError) this.end(err);
      throw err;
    } finally {
      job.forget();
    }
  }

  async startJob(command: string, timeoutMs = this.#options.timeoutMs): Promise<void> {
    await this.#startJob(command, randomUUID(), timeoutMs);
  }

  async #startJob(command: string, id: string, timeoutMs: number): Promise<void> {
    requireOneLine('ESL command', command);
    const what = `bgapi ${command}`;
    await this.#run(what, timeoutMs, async (limitMs) =>
      this.#esl.send(what, { 'Job-UUID': id }, limitMs),
    );
  }

  async onEvent(name: EslEventName, listener: (event: EslEvent) => void): Promise<void> {
    this.#esl.on(name, (data) => listener(textsOf(data.body)));
    await this.#subscribe(name);
  }

  async close(): Promise<void> {
    this.end(new ServerUnavailableError(`${this.#where}: the session was closed`));
    await this.#socketGone;
  }

  /** Ends the connection once; later calls change nothing. */
  end(reason: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#queue.failWaiting(reason);
    this.#jobs.failAll(reason);
    this.#esl.end(); // Rejects the command in flight and clears the package's timers.
    this.#wire.destroy();
    this.#socket.destroy();
    this.#resolveClosed(messageOf(reason));
  }

  async #subscribe(name: EslEventName | 'BACKGROUND_JOB'): Promise<void> {
    if (this.#subscribed.has(name)) return;
    await this.#run(`event ${name}`, this.#options.timeoutMs, async (limitMs) =>
      this.#esl.send(`event json ${name}`, {}, limitMs),
    );
    this.#subscribed.add(name);
  }

  /** One command with its deadline; turns what the package throws into our errors. */
  async #run<T>(
    what: string,
    timeoutMs: number,
    work: (limitMs: number) => Promise<T>,
  ): Promise<T> {
    if (this.#ended !== undefined) throw this.#endedError(this.#ended);
    try {
      return await this.#queue.run(
        `${what} on ${this.#where}`,
        timeoutMs,
        () => work(timeoutMs + PACKAGE_MARGIN_MS),
        (late) => this.end(late),
      );
    } catch (err) {
      throw this.#translate(what, err);
    }
  }

  #translate(what: string, err: unknown): unknown {
    if (err instanceof CarnaError) return err;
    if (this.#ended !== undefined) return this.#endedError(this.#ended);
    const { error, endsBy } = errorOf(what, this.#where, err);
    if (endsBy !== null) this.end(endsBy);
    return error;
  }

  #endedError(reason: Error): Error {
    if (reason instanceof EslAuthError || reason instanceof ProtocolError) return reason;
    if (reason instanceof ServerUnavailableError) return reason;
    return new ServerUnavailableError(`${this.#where}: the session has ended`, { cause: reason });
  }

  #listenToSocket(): void {
    let cause: Error | undefined;
    const ended = (): void => {
      const half = this.#cutter.isInsideMessage ? ' in the middle of a message' : '';
      const why = cause === undefined ? `closed by the server${half}` : messageOf(cause);
      this.end(new ServerUnavailableError(`${this.#where}: ${why}`, cause && { cause }));
    };
    this.#socket.on('error', (err) => (cause = err));
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('end', ended);
    this.#socket.on('close', ended);
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#cutter.push(chunk)) {
        if (this.#ended !== undefined) return;
        this.#wire.deliver(message);
      }
    } catch (err) {
      if (!(err instanceof ProtocolError)) throw err;
      this.end(new ProtocolError(`${this.#where}: ${err.message}`));
    }
  }

  #listenToPackage(): void {
    const esl = this.#esl;
    const garbled = (why: string): void => this.end(new ProtocolError(`${this.#where}: ${why}`));
    esl.on('freeswitch_rude_rejection', (data) =>
      this.end(
        new EslAuthError(`${this.#where} refused our address: ${REJECTED} (${data.body.trim()})`),
      ),
    );
    esl.on('freeswitch_disconnect_notice', (data) => this.#goodbye(data.headers, data.body));
    esl.on('error.unhandled-content-type', (err) => garbled(`content type ${err.content_type}`));
    esl.on('error.invalid-json', () => garbled('an event that is no JSON'));
  }

  #goodbye(headers: Readonly<Record<string, string | undefined>>, body: string): void {
    // A notice of lingering announces a later end.
    if (headers['Content-Disposition'] === 'linger') return;
    // The answer to `auth` stands before the notice; let its rejection win.
    const [line = ''] = body.split('\n');
    const reason = new ServerUnavailableError(`${this.#where} said goodbye: ${line.trim()}`);
    setImmediate(() => this.end(reason));
  }
}
