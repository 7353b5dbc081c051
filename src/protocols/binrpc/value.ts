import { cutText } from '../../util/cut-text.js';
import { ProtocolError } from '../../util/errors.js';

/**
 * One value of a BINRPC body. A struct is an ordered list, never a map: Kamailio repeats names (`SET`,
 * `DEST`) and puts values without a name into structs (its arrays).
 *
 * An int is 32 bits on the wire and read as signed; see `unsigned`. A double is in thousandths there.
 */
export type BinrpcValue =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Buffer }
  | { readonly kind: 'struct'; readonly members: readonly BinrpcMember[] }
  | { readonly kind: 'array'; readonly items: readonly BinrpcValue[] };

/** A member of a struct; `name` is null for a value that came without one. */
export interface BinrpcMember {
  readonly name: string | null;
  readonly value: BinrpcValue;
}

/** All members of `value` called `name`, in order; none when `value` is no struct. */
export function membersNamed(value: BinrpcValue, name: string): BinrpcValue[] {
  if (value.kind !== 'struct') return [];
  return value.members.filter((m) => m.name === name).map((m) => m.value);
}

/** The first member called `name`, or undefined. */
export function memberNamed(value: BinrpcValue, name: string): BinrpcValue | undefined {
  return membersNamed(value, name)[0];
}

/** The first member called `name`; throws ProtocolError when there is none. */
export function requireMember(value: BinrpcValue, name: string): BinrpcValue {
  const found = memberNamed(value, name);
  if (found === undefined) {
    throw new ProtocolError(`expected a struct with ${name}, found ${describe(value)}`);
  }
  return found;
}

/** The number of an int; throws ProtocolError for any other kind. */
export function intOf(value: BinrpcValue | undefined): number {
  if (value?.kind !== 'int') throw new ProtocolError(`expected an int, found ${describe(value)}`);
  return value.value;
}

/** The text of a string; throws ProtocolError for any other kind. */
export function textOf(value: BinrpcValue | undefined): string {
  if (value?.kind !== 'string') {
    throw new ProtocolError(`expected a string, found ${describe(value)}`);
  }
  return value.value;
}

/** What Kamailio says for "no value" arrives as this text; JSON-RPC would say null. */
export const NULL_STRING = '<null string>';

/** Reads a 32-bit int as the unsigned counter it was before Kamailio sent it. */
export function unsigned(int: number): number {
  return int >>> 0;
}

/** Short, for error messages. */
export function describe(value: BinrpcValue | undefined): string {
  if (value === undefined) return 'nothing';
  switch (value.kind) {
    case 'struct':
      return `a struct of ${value.members
        .map((m) => m.name ?? '-')
        .slice(0, 8)
        .join(', ')}`;
    case 'array':
      return `an array of ${value.items.length}`;
    case 'bytes':
      return `${value.value.length} bytes`;
    case 'int':
    case 'double':
    case 'string':
      return `the ${value.kind} ${cutText(JSON.stringify(value.value), 60)}`;
  }
}
