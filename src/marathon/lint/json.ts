import { withoutSecrets } from './secret-names.js';
import { cutText } from '../../util/cut-text.js';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** A value and its place. */
export interface At {
  readonly path: string;
  readonly value: Json | undefined;
}

/** Longest value that is shown. */
const MAX_SHOWN = 60;

const PLAIN_NAME = /^[A-Za-z_$][\w$-]*$/;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The place of a member; names that are no plain words are quoted. */
export function memberPath(path: string, name: string): string {
  if (!PLAIN_NAME.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** A member below, by its names; undefined where anything on the way is missing. */
export function below(at: At, ...names: readonly string[]): At {
  return names.reduce<At>(
    ({ path, value }, name) => ({
      path: memberPath(path, name),
      value: isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined,
    }),
    at,
  );
}

/** The items of a list with their places; none when it is no list. */
export function itemsOf({ path, value }: At): At[] {
  return isList(value) ? value.map((item, i) => ({ path: `${path}[${i}]`, value: item })) : [];
}

/** The members of an object with their places; none when it is no object. */
export function membersOf({ path, value }: At): (At & { readonly name: string })[] {
  if (!isObject(value)) return [];
  return Object.entries(value).map(([name, of]) => ({
    name,
    path: memberPath(path, name),
    value: of,
  }));
}

/** The value when it is a text. */
export function textOf({ value }: At): string | null {
  return typeof value === 'string' ? value : null;
}

/** The value when it is a number. */
export function numberOf({ value }: At): number | null {
  return typeof value === 'number' ? value : null;
}

/** A value for people, cut, without the secrets in it. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  const text = withoutSecrets(JSON.stringify(value));
  return text.length > MAX_SHOWN ? `${cutText(text, MAX_SHOWN)}…` : text;
}
