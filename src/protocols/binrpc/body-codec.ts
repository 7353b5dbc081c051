import { ProtocolError } from '../../util/errors.js';
import type { BinrpcMember, BinrpcValue } from './value.js';

/** How deep structs may stand in each other; Kamailio's deepest reply has six. */
export const MAX_NESTING = 32;
/** Records in one body. A list of 10,000 destinations has 250,000; the limit keeps memory in bounds. */
export const MAX_RECORDS = 1_000_000;

const INT = 0;
const STRING = 1;
const DOUBLE = 2;
const STRUCT = 3;
const ARRAY = 4;
const NAME = 5;
const BYTES = 6;

/** A parameter of a request: an integer of 32 bits, a string, or a double. Structs cannot be sent. */
export type BinrpcParam = number | string | { readonly double: number };

interface Container {
  readonly kind: 'struct' | 'array';
  readonly members: BinrpcMember[];
  /** A name that waits for its value. */
  name: string | null;
}

/** Big-endian bytes of a non-negative integer without leading zeros, at least one. */
export function minimalBytes(value: number): number[] {
  const bytes = [value & 0xff];
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest & 0xff);
  }
  return bytes;
}

/** The record of one parameter. Throws RangeError for what BINRPC cannot carry. */
export function encodeParam(param: BinrpcParam): Buffer {
  if (typeof param === 'string') return encodeString(param);
  if (typeof param === 'number') return encodeInt(param);
  return encodeDouble(param.double);
}

function encodeInt(value: number): Buffer {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
    throw new RangeError(`no 32-bit integer: ${value}`);
  }
  if (value === 0) return Buffer.from([INT]);
  const bytes = minimalBytes(value >>> 0);
  return Buffer.from([(bytes.length << 4) | INT, ...bytes]);
}

function encodeString(text: string): Buffer {
  if (text.includes('\0')) throw new RangeError('a BINRPC string cannot hold a NUL');
  const bytes = Buffer.from(`${text}\0`, 'utf8');
  if (bytes.length < 8) return Buffer.concat([Buffer.from([(bytes.length << 4) | STRING]), bytes]);
  const length = minimalBytes(bytes.length);
  return Buffer.concat([Buffer.from([((8 | length.length) << 4) | STRING, ...length]), bytes]);
}

function encodeDouble(value: number): Buffer {
  const thousandths = Math.trunc(value * 1000);
  if (!Number.isSafeInteger(thousandths)) throw new RangeError(`no BINRPC double: ${value}`);
  if (thousandths === 0) return Buffer.from([DOUBLE]);
  if (thousandths > 0) {
    const bytes = minimalBytes(thousandths);
    return Buffer.from([(bytes.length << 4) | DOUBLE, ...bytes]);
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = (8 << 4) | DOUBLE;
  bytes.writeBigInt64BE(BigInt(thousandths), 1);
  return bytes;
}

/**
 * The values of a whole body. Throws ProtocolError, naming the offset, for anything but complete
 * records in complete structs.
 */
export function decodeBody(body: Buffer): BinrpcValue[] {
  const reader = new BodyReader(body);
  return reader.readAll();
}

class BodyReader {
  readonly #body: Buffer;
  readonly #top: BinrpcValue[] = [];
  readonly #open: Container[] = [];
  #at = 0;
  #records = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  readAll(): BinrpcValue[] {
    while (this.#at < this.#body.length) {
      if (++this.#records > MAX_RECORDS) throw this.#fault(`more than ${MAX_RECORDS} records`);
      this.#readRecord();
    }
    if (this.#open.length > 0) throw this.#fault('the body ends inside a struct');
    return this.#top;
  }

  #readRecord(): void {
    const [head = 0] = this.#take(1);
    const type = head & 0x0f;
    const size = head >> 4;
    if (type === STRUCT || type === ARRAY) {
      this.#bracket(type === STRUCT ? 'struct' : 'array', size);
      return;
    }
    // A double's size is a plain byte count up to 8, where the others have their long-length mark.
    const length = type === DOUBLE || size < 8 ? size : this.#longLength(size & 7);
    const bytes = this.#take(length);
    if (type === NAME) this.#name(this.#text(bytes));
    else this.#value(this.#scalar(type, bytes));
  }

  #scalar(type: number, bytes: Buffer): BinrpcValue {
    switch (type) {
      case INT:
        if (bytes.length > 4) throw this.#fault(`an int of ${bytes.length} bytes`);
        return { kind: 'int', value: bigEndian(bytes) | 0 };
      case STRING:
        return { kind: 'string', value: this.#text(bytes) };
      case DOUBLE:
        if (bytes.length > 8) throw this.#fault(`a double of ${bytes.length} bytes`);
        return { kind: 'double', value: doubleOf(bytes) };
      case BYTES:
        return { kind: 'bytes', value: Buffer.from(bytes) };
      default:
        throw this.#fault(`unknown record type ${type}`);
    }
  }

  #bracket(kind: Container['kind'], size: number): void {
    if (size === 0) {
      if (this.#open.length >= MAX_NESTING) throw this.#fault(`deeper than ${MAX_NESTING} structs`);
      this.#open.push({ kind, members: [], name: null });
      return;
    }
    if (size !== 8) throw this.#fault(`a ${kind} mark with size ${size}`);
    const closed = this.#open.pop();
    if (closed?.kind !== kind) throw this.#fault(`the end of a ${kind} that is not open`);
    if (closed.name !== null) throw this.#fault(`${closed.name} without a value`);
    this.#value(
      kind === 'struct'
        ? { kind, members: closed.members }
        : { kind, items: closed.members.map((m) => m.value) },
    );
  }

  #name(name: string): void {
    const parent = this.#open.at(-1);
    if (parent?.kind !== 'struct') throw this.#fault(`the name ${name} outside a struct`);
    if (parent.name !== null) throw this.#fault(`${parent.name} without a value`);
    parent.name = name;
  }

  #value(value: BinrpcValue): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      this.#top.push(value);
      return;
    }
    parent.members.push({ name: parent.name, value });
    parent.name = null;
  }

  #text(bytes: Buffer): string {
    if (bytes.at(-1) !== 0) throw this.#fault('a string without its final NUL');
    return bytes.toString('utf8', 0, bytes.length - 1);
  }

  #longLength(bytes: number): number {
    if (bytes === 0 || bytes > 4) throw this.#fault(`a length of ${bytes} bytes`);
    return bigEndian(this.#take(bytes));
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#body.length) throw this.#fault(`${length} bytes wanted beyond the end`);
    const bytes = this.#body.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  #fault(why: string): ProtocolError {
    return new ProtocolError(`BINRPC body of ${this.#body.length} bytes at ${this.#at}: ${why}`);
  }
}

/** The unsigned number in up to 4 big-endian bytes; 0 for none. */
export function bigEndian(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length);
}

function doubleOf(bytes: Buffer): number {
  if (bytes.length === 8) return Number(bytes.readBigInt64BE(0)) / 1000;
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value / 1000;
}
