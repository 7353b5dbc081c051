import type { z } from 'zod';
import { InvalidInputError } from '../util/errors.js';

/** Version of every record in the registry. */
export const SCHEMA = 1;

/** What readers accept and writers make at most, in bytes of JSON; a node's record is bounded more tightly. */
export const MAX_RECORD_BYTES = 64 * 1024;

/** The bytes of a record, at most MAX_RECORD_BYTES. Throws InvalidInputError naming `what`. Pure. */
export function encode<T>(what: string, schema: z.ZodType<T>, record: unknown): Uint8Array {
  return sized(what, toBytes(parse(what, schema, record)), MAX_RECORD_BYTES);
}

/** The record in the bytes of a znode. Throws InvalidInputError saying what is wrong. Pure. */
export function decode<T>(
  what: string,
  schema: z.ZodType<T>,
  bytes: Uint8Array | null,
  maxBytes: number,
): T {
  if (bytes === null || bytes.length === 0) throw new InvalidInputError(what, 'it is empty');
  return parse(what, schema, toJson(what, sized(what, bytes, maxBytes)));
}

/** The value as a record of this schema version; fields that it does not know are left out. Throws InvalidInputError. Pure. */
export function parse<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInputError(what, 'it is no JSON object');
  }
  const version = (value as { schema?: unknown }).schema;
  if (version !== SCHEMA) {
    const found = version === undefined ? 'no schema' : `schema ${JSON.stringify(version)}`;
    throw new InvalidInputError(what, `it has ${found}, this Carna reads schema ${SCHEMA}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const why = result.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`);
  throw new InvalidInputError(what, why.join('; '));
}

/** Gives the bytes back. Throws InvalidInputError when there are too many. Pure. */
export function sized(what: string, bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length <= maxBytes) return bytes;
  throw new InvalidInputError(
    what,
    `it has ${bytes.length} bytes, at most ${maxBytes} are allowed`,
  );
}

function toJson(what: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (err) {
    throw new InvalidInputError(what, 'it is no JSON text', { cause: err });
  }
}

/** Its JSON in UTF-8. Pure. */
export function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
