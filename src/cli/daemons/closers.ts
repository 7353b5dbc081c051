import type { Logger } from 'pino';
import { withDeadline } from '../../util/wait.js';

const CLOSE_LIMIT_MS = 5_000;

/** What a daemon has opened; closed in reverse order, each within a limit, whatever the others do. */
export class Closers {
  readonly #log: Logger;
  readonly #stack: { readonly name: string; readonly close: () => Promise<void> }[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  add(name: string, close: () => Promise<void>): void {
    this.#stack.push({ name, close });
  }

  /** Never throws: a part that cannot be closed is logged and left to the end of the process. */
  async closeAll(): Promise<void> {
    for (let part = this.#stack.pop(); part !== undefined; part = this.#stack.pop()) {
      try {
        await withDeadline(`closing ${part.name}`, CLOSE_LIMIT_MS, part.close());
      } catch (err) {
        this.#log.warn({ err, part: part.name }, 'could not close');
      }
    }
  }
}
