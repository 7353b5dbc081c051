import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { messageOf } from '../../util/errors.js';
import { runApi } from './api-commands.js';
import type { ApiContext } from './api-context.js';
import type { SwitchEvent } from './switch-event.js';
import { writeEvent } from './switch-event.js';
import { CommandReader, headerOf } from './esl-command.js';
import type { EslCommand } from './esl-command.js';
import { emitSent, runJob } from './esl-events.js';
import { LogSubscription, logMessage } from './esl-log.js';
import { isSamePassword } from './esl-password.js';
import { Subscription } from './esl-subscription.js';
import type { StandinLogger } from './logger.js';
import type { Timers } from './timers.js';

/** Commands that wait behind a blocking `api`; a client with more is closed. */
export const MAX_QUEUED_COMMANDS = 10_000;
/** Messages that wait behind a blocking `api`; a client with more is closed. */
export const MAX_HELD_MESSAGES = 10_000;
/** Bytes that the client has not read; a client with more is closed. */
export const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** FreeSWITCH cuts a reply line here. */
const MAX_REPLY_CHARS = 511;

const GOODBYE = 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n';
const SHUTDOWN = 'The system is being shut down.\n';
const NO_SUCH_COMMAND = '-ERR command not found';

export interface ConnectionParts {
  readonly context: ApiContext;
  readonly timers: Timers;
  readonly log: StandinLogger;
  readonly isAllowed: boolean;
  readonly onClose: () => void;
}

/** One client of the Event Socket. Commands are answered in order; a running `api` holds back everything else. */
export class EslConnection {
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #reader = new CommandReader();
  readonly #subscription = new Subscription();
  readonly #log = new LogSubscription();
  readonly #queue: EslCommand[] = [];
  #held: (readonly [head: string, body: Buffer])[] = [];
  #state: 'new' | 'authenticated' | 'closed' = 'new';
  #isBusy = false;
  #hasSpoken = false;
  readonly #unsubscribe: () => void;
  readonly #cancelPreauth: () => void;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    const { context, timers } = parts;
    socket.setNoDelay(true);
    socket.on('error', (err) => parts.log.info({ err: messageOf(err) }, 'esl client failed'));
    socket.on('close', () => this.#forget());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#goodbye());
    this.#unsubscribe = context.switch.bus.subscribe((event) => this.#offer(event));
    this.#cancelPreauth = timers.after(context.config.preauthMs, () => {
      if (!this.#hasSpoken) this.#goodbye();
    });
    if (parts.isAllowed) {
      this.#write('Content-Type: auth/request\n\n');
    } else {
      this.#write(`Content-Type: text/rude-rejection\nContent-Length: 24\n\n`);
      this.#write('Access Denied, go away.\n');
      this.#goodbye();
    }
  }

  /** Says that the system stops, and closes. */
  shutdown(): void {
    this.#close(SHUTDOWN);
  }

  /** Closes without a word, as a process that dies. */
  destroy(): void {
    this.#state = 'closed';
    this.#socket.destroy();
  }

  /** Writes a log line to a client that asked for this level. */
  writeLog(level: number, line: string): void {
    if (this.#log.wants(level)) this.#push(...logMessage(level, line));
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    try {
      this.#queue.push(...this.#reader.push(chunk));
    } catch (err) {
      this.#parts.log.warn({ err: messageOf(err) }, 'esl client broke a limit');
      this.#goodbye();
      return;
    }
    if (this.#queue.length > MAX_QUEUED_COMMANDS) this.#goodbye();
    else if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (this.#isClosed()) break;
      this.#hasSpoken = true;
      await this.#run(next);
    }
    this.#isBusy = false;
    const held = this.#held;
    this.#held = [];
    for (const [head, body] of held) this.#writeMessage(head, body);
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  async #run(command: EslCommand): Promise<void> {
    const verb = /^\S*/.exec(command.line)?.[0].toLowerCase() ?? '';
    const rest = command.line.slice(verb.length);
    const words = rest.trim() === '' ? [] : rest.trim().split(/\s+/);
    if (verb === 'exit') this.#exit();
    else if (verb === 'auth' || verb === 'userauth') this.#auth(verb, rest.trim());
    else if (this.#state === 'new') this.#reply(NO_SUCH_COMMAND);
    else if (verb === 'api' && rest !== '') await this.#api(rest.slice(1));
    else if (verb === 'bgapi' && rest !== '') this.#bgapi(rest.slice(1), command);
    else if (verb === 'sendevent') this.#sendevent(command, words);
    else this.#reply(this.#control(verb, rest, words));
  }

  /** The commands whose answer is one line. */
  #control(verb: string, rest: string, words: readonly string[]): string {
    switch (verb) {
      case 'event':
        return this.#subscription.add(words);
      case 'nixevent':
        return this.#subscription.remove(words);
      case 'noevents':
        return this.#subscription.clear();
      case 'filter':
        return rest === '' ? NO_SUCH_COMMAND : this.#subscription.filter(words);
      case 'log':
        return this.#log.start(words[0] ?? 'debug');
      case 'nolog':
        return this.#log.stop();
      case 'linger':
      case 'nolinger':
        return '-ERR not controlling a session';
      case 'sendmsg':
        return `-ERR invalid session id [${words[0] ?? ''}]`;
      default:
        return NO_SUCH_COMMAND;
    }
  }

  #auth(verb: 'auth' | 'userauth', password: string): void {
    const isRight =
      verb === 'auth' && isSamePassword(password, this.#parts.context.config.eslPassword);
    if (isRight) {
      this.#state = 'authenticated';
      this.#reply('+OK accepted');
    } else {
      this.#reply('-ERR invalid');
      this.#goodbye();
    }
  }

  #exit(): void {
    this.#reply('+OK bye');
    this.#goodbye();
  }

  async #api(line: string): Promise<void> {
    const output = await runApi(line, this.#parts.context);
    const body = Buffer.from(output === '' ? '-ERR no reply\n' : output, 'utf8');
    this.#writeMessage(`Content-Type: api/response\nContent-Length: ${body.length}\n\n`, body);
  }

  #bgapi(line: string, command: EslCommand): void {
    const jobUuid = headerOf(command, 'job-uuid') ?? randomUUID();
    this.#write(
      `Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${jobUuid}\nJob-UUID: ${jobUuid}\n\n`,
    );
    void runJob(line, jobUuid, this.#parts.context);
  }

  #sendevent(command: EslCommand, [name = '']: readonly string[]): void {
    const uuid = randomUUID();
    this.#reply(`+OK ${uuid}`);
    emitSent(command, name, uuid, this.#parts.context.switch.bus);
  }

  #offer(event: SwitchEvent): void {
    if (this.#state !== 'authenticated' || !this.#subscription.wants(event)) return;
    const { head, body } = writeEvent(event, this.#subscription.format);
    this.#push(head, body);
  }

  /** Events and logs wait until the running command has answered. */
  #push(head: string, body: Buffer): void {
    if (!this.#isBusy) this.#writeMessage(head, body);
    else if (this.#held.length < MAX_HELD_MESSAGES) this.#held.push([head, body]);
    else this.#goodbye();
  }

  #reply(text: string): void {
    this.#write(`Content-Type: command/reply\nReply-Text: ${text.slice(0, MAX_REPLY_CHARS)}\n\n`);
  }

  /** Two writes without Nagle, as the real one: a client may see them apart or glued. */
  #writeMessage(head: string, body: Buffer): void {
    this.#write(head);
    this.#write(body);
  }

  #write(bytes: string | Buffer): void {
    if (this.#state === 'closed' || !this.#socket.writable) return;
    this.#socket.write(bytes);
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.destroy();
  }

  #goodbye(): void {
    this.#close(GOODBYE);
  }

  #close(text: string): void {
    if (this.#state === 'closed') return;
    this.#writeMessage(
      `Content-Type: text/disconnect-notice\nContent-Length: ${text.length}\n\n`,
      Buffer.from(text),
    );
    this.#state = 'closed';
    // destroySoon, not end: a client that never closes its side must not keep us.
    this.#socket.destroySoon();
    this.#queue.length = 0;
  }

  #forget(): void {
    this.#state = 'closed';
    this.#cancelPreauth();
    this.#unsubscribe();
    this.#parts.onClose();
  }
}
