import { Socket } from 'node:net';

/**
 * What the esl package gets for its socket: whole messages come in through `deliver`, commands go out
 * through `send`. The real socket, its errors and its end stay with the session.
 */
export class EslWire extends Socket {
  readonly #send: (text: string) => void;

  constructor(send: (text: string) => void) {
    super();
    this.#send = send;
  }

  /** Hands one whole message to the package. */
  deliver(message: Buffer): void {
    this.emit('data', message);
  }

  override write(text: unknown): boolean {
    this.#send(String(text));
    return true;
  }

  override end(): this {
    return this.destroy();
  }
}
