import { ProtocolError } from '../../util/errors.js';
import type { BinrpcParam } from './body-codec.js';
import { bigEndian, decodeBody, encodeParam, minimalBytes } from './body-codec.js';
import type { BinrpcValue } from './value.js';
import { describe } from './value.js';

/**
 * BINRPC, the protocol of Kamailio's ctl socket: a header (magic and version, type with the sizes of
 * the two numbers that follow, body length, cookie), then a body of records. Pure bytes and values.
 */

/** What a server may say: the answer of the call with the same cookie. */
export type BinrpcMessage =
  | { readonly kind: 'reply'; readonly cookie: number; readonly values: readonly BinrpcValue[] }
  | {
      readonly kind: 'fault';
      readonly cookie: number;
      readonly code: number;
      readonly text: string;
    };

/** Kamailio resets a connection that sends a longer request. */
export const MAX_REQUEST_BYTES = 65_535;
/** Default limit of a reply's body: 65,000 destinations. */
export const MAX_REPLY_BYTES = 16 * 1024 * 1024;

const MAGIC_AND_VERSION = 0xa1;
const REQUEST = 0;
const REPLY = 1;
const FAULT = 3;

/**
 * The bytes of a request. `cookie` is any 32-bit number, repeated in the answer. Throws RangeError
 * for a parameter that BINRPC cannot carry and for a request beyond MAX_REQUEST_BYTES.
 */
export function encodeRequest(
  cookie: number,
  method: string,
  params: readonly BinrpcParam[],
): Buffer {
  const body = Buffer.concat([method, ...params].map(encodeParam));
  const length = minimalBytes(body.length);
  const id = minimalBytes(cookie);
  const sizes = ((length.length - 1) << 2) | (id.length - 1);
  const header = Buffer.from([MAGIC_AND_VERSION, (REQUEST << 4) | sizes, ...length, ...id]);
  if (header.length + body.length > MAX_REQUEST_BYTES) {
    throw new RangeError(`${method}: request longer than ${MAX_REQUEST_BYTES} bytes`);
  }
  return Buffer.concat([header, body]);
}

interface Header {
  readonly type: number;
  readonly cookie: number;
  readonly headerBytes: number;
  readonly bodyBytes: number;
}

/**
 * Cuts a stream into replies and faults, however it is split. After a ProtocolError the stream is
 * lost: every later call throws the same error.
 */
export class BinrpcDecoder {
  readonly #maxBodyBytes: number;
  /** Pieces not yet consumed; joined only when a message is whole, so that large replies cost one copy. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #header: Header | undefined;
  #fault: ProtocolError | undefined;

  constructor(maxBodyBytes: number = MAX_REPLY_BYTES) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** True when a message has begun and is not whole. */
  get isInsideMessage(): boolean {
    return this.#pieceBytes > 0;
  }

  /** Takes the next bytes, gives the messages that they complete. Throws ProtocolError. */
  push(chunk: Buffer): BinrpcMessage[] {
    if (this.#fault !== undefined) throw this.#fault;
    this.#pieces.push(chunk);
    this.#pieceBytes += chunk.length;
    const messages: BinrpcMessage[] = [];
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) messages.push(next);
    } catch (err) {
      if (err instanceof ProtocolError) this.#fault = err;
      throw err;
    }
    return messages;
  }

  #next(): BinrpcMessage | undefined {
    this.#header ??= this.#pieceBytes === 0 ? undefined : this.#readHeader();
    const header = this.#header;
    if (header === undefined) return undefined;
    const totalBytes = header.headerBytes + header.bodyBytes;
    if (this.#pieceBytes < totalBytes) return undefined;
    const all = this.#joined();
    this.#pieces = [all.subarray(totalBytes)];
    this.#pieceBytes -= totalBytes;
    this.#header = undefined;
    return toMessage(header, decodeBody(all.subarray(header.headerBytes, totalBytes)));
  }

  #readHeader(): Header | undefined {
    const bytes = this.#joined();
    if (bytes[0] !== MAGIC_AND_VERSION) {
      throw new ProtocolError(`BINRPC header begins with ${bytes.toString('hex', 0, 4)}, not a1`);
    }
    const sizes = bytes[1];
    if (sizes === undefined) return undefined;
    const type = sizes >> 4;
    if (type !== REPLY && type !== FAULT) {
      throw new ProtocolError(`BINRPC message of type ${type}, neither reply nor fault`);
    }
    const lengthEnd = 3 + ((sizes >> 2) & 3);
    const headerBytes = lengthEnd + 1 + (sizes & 3);
    if (bytes.length < lengthEnd) return undefined;
    const bodyBytes = bigEndian(bytes.subarray(2, lengthEnd));
    if (bodyBytes > this.#maxBodyBytes) {
      throw new ProtocolError(
        `BINRPC body of ${bodyBytes} bytes, more than the limit of ${this.#maxBodyBytes}`,
      );
    }
    if (bytes.length < headerBytes) return undefined;
    return {
      type,
      cookie: bigEndian(bytes.subarray(lengthEnd, headerBytes)),
      headerBytes,
      bodyBytes,
    };
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    const all = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

function toMessage(header: Header, values: readonly BinrpcValue[]): BinrpcMessage {
  const { cookie } = header;
  if (header.type === REPLY) return { kind: 'reply', cookie, values };
  const [code, text] = values;
  if (code?.kind !== 'int' || text?.kind !== 'string') {
    throw new ProtocolError(
      `BINRPC fault with ${describe(code)} and ${describe(text)}, expected an int and a string`,
    );
  }
  return { kind: 'fault', cookie, code: code.value, text: text.value };
}
