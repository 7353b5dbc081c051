/** One command of a client: its first line, header lines, and a body if it announced one. */
export interface EslCommand {
  readonly line: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | null;
}

/** Value of the first header with this name, in lower case. */
export function headerOf(command: EslCommand, name: string): string | undefined {
  return command.headers.find(([header]) => header.toLowerCase() === name)?.[1];
}

/** A command without its blank line may not grow beyond this. */
export const MAX_COMMAND_BYTES = 64 * 1024;
/** The longest body of a command. */
export const MAX_COMMAND_BODY_BYTES = 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;

interface Pending {
  readonly line: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyBytes: number;
}

/** Cuts a client's byte stream into commands, however it was split. Keeps no socket. */
export class CommandReader {
  #rest: Buffer = Buffer.alloc(0);
  #pending: Pending | null = null;

  /** The commands that are whole now. Throws RangeError when a limit is exceeded. */
  push(chunk: Buffer): readonly EslCommand[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const commands: EslCommand[] = [];
    for (let next = this.#next(); next !== null; next = this.#next()) commands.push(next);
    return commands;
  }

  #next(): EslCommand | null {
    this.#pending ??= this.#readHead();
    const pending = this.#pending;
    if (pending === null || this.#rest.length < pending.bodyBytes) return null;
    const body = this.#rest.toString('utf8', 0, pending.bodyBytes);
    this.#rest = this.#rest.subarray(pending.bodyBytes);
    this.#pending = null;
    const { line, headers } = pending;
    return { line, headers, body: pending.bodyBytes === 0 ? null : body };
  }

  #readHead(): Pending | null {
    let start = 0;
    while (this.#rest[start] === LF || this.#rest[start] === CR) start += 1;
    this.#rest = this.#rest.subarray(start);
    const end = endOfHead(this.#rest);
    if (end === null) {
      if (this.#rest.length > MAX_COMMAND_BYTES) throw new RangeError('command too long');
      return null;
    }
    const lines = this.#rest.toString('utf8', 0, end).split(/\r?\n/);
    this.#rest = this.#rest.subarray(end);
    const [line = '', ...headerLines] = lines;
    const headers = headerLines.flatMap((text) => {
      const colon = text.indexOf(':');
      return colon < 0 ? [] : [[text.slice(0, colon), text.slice(colon + 1).trim()] as const];
    });
    const length = headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? '0';
    const bodyBytes = /^\d+$/.test(length) ? Number(length) : 0;
    if (bodyBytes > MAX_COMMAND_BODY_BYTES) throw new RangeError('body too long');
    return { line, headers, bodyBytes };
  }
}

/** The index after the blank line, where CR counts for nothing. */
function endOfHead(bytes: Buffer): number | null {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const after = bytes[at + 1] === CR ? at + 2 : at + 1;
    if (bytes[after] === LF) return after + 1;
  }
  return null;
}
