/** What a member of a definition may hold. */
export type FieldType =
  | {
      readonly kind: 'text';
      readonly minLength: number;
      readonly maxLength: number;
      readonly pattern: string | null;
    }
  | {
      readonly kind: 'number';
      readonly isWhole: boolean;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: 'flag' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | {
      readonly kind: 'list';
      readonly of: FieldType;
      readonly minItems: number;
      readonly maxItems: number;
      readonly isUnique: boolean;
    }
  | { readonly kind: 'map'; readonly of: FieldType; readonly names: string | null }
  /** A function, because a group holds groups. */
  | { readonly kind: 'object'; readonly shape: () => Shape }
  | { readonly kind: 'either'; readonly of: readonly FieldType[] }
  /** Marathon knew it once. */
  | { readonly kind: 'gone'; readonly instead: string };

/** The members of one kind of object; everything else in it is dropped by Marathon without a word. */
export interface Shape {
  readonly name: string;
  readonly required: readonly string[];
  readonly fields: Readonly<Record<string, FieldType>>;
}

type TextLimits = Partial<Omit<Extract<FieldType, { kind: 'text' }>, 'kind'>>;
type ListLimits = Partial<Omit<Extract<FieldType, { kind: 'list' }>, 'kind' | 'of'>>;

/** Any text, unless limited. */
export function text(limits: TextLimits = {}): FieldType {
  return { kind: 'text', minLength: 0, maxLength: Infinity, pattern: null, ...limits };
}

/** A whole number in [min, max]. */
export function whole(min = -Infinity, max = Infinity): FieldType {
  return { kind: 'number', isWhole: true, min, max };
}

/** A number in [min, max]. */
export function decimal(min = -Infinity, max = Infinity): FieldType {
  return { kind: 'number', isWhole: false, min, max };
}

/** One of the words, in exactly this case. */
export function words(...of: readonly string[]): FieldType {
  return { kind: 'words', words: of };
}

/** A list of one type. */
export function list(of: FieldType, limits: ListLimits = {}): FieldType {
  return { kind: 'list', of, minItems: 0, maxItems: Infinity, isUnique: false, ...limits };
}

/** An object with names of the author's choice; `names` is a pattern for them. */
export function map(of: FieldType, names: string | null = null): FieldType {
  return { kind: 'map', of, names };
}

/** An object of a known shape. */
export function object(shape: () => Shape): FieldType {
  return { kind: 'object', shape };
}

/** One of several types. */
export function either(...of: readonly FieldType[]): FieldType {
  return { kind: 'either', of };
}

/** Not in use any more; `instead` says what to write. */
export function gone(instead: string): FieldType {
  return { kind: 'gone', instead };
}

/** A shape; `required` lists what must be there. */
export function shape(
  name: string,
  fields: Readonly<Record<string, FieldType>>,
  required: readonly string[] = [],
): Shape {
  return { name, fields, required };
}

export const FLAG: FieldType = { kind: 'flag' };
