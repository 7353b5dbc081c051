import type { Schema } from './schemas.js';
import { misfits, readSchema } from './schemas.js';

/** An answer that is not what was asked for; the HTTP side writes it. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.body = { message, ...more };
  }
}

/** A JSON object. */
export type Doc = Readonly<Record<string, unknown>>;

const roots = new Map<string, Schema>();

/**
 * A definition as the real server reads it: null is absent, members that it does not know are dropped
 * without a word. Throws a Refusal with 422 that names each fault.
 */
export function accept(name: string, value: unknown): Doc {
  checkAgainst(name, value);
  let root = roots.get(name);
  if (root === undefined) {
    root = readSchema(name);
    roots.set(name, root);
  }
  return (prune(root, [root], value) ?? {}) as Doc;
}

/** Throws a Refusal with 422 that names each fault; drops nothing. */
export function checkAgainst(name: string, value: unknown): void {
  const errors = misfits(name, value);
  if (errors.length === 0) return;
  const byPath = new Map<string, string[]>();
  for (const error of errors) {
    const texts = byPath.get(error.instancePath) ?? [];
    texts.push(error.message ?? 'is invalid');
    byPath.set(error.instancePath, texts);
  }
  const details = [...byPath].map(([path, texts]) => ({ path: path || '/', errors: texts }));
  throw new Refusal(422, 'Object is not valid', { details });
}

/** The text as JSON. Throws a Refusal with 400, as Marathon does. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new Refusal(400, 'Invalid JSON', { details: (err as Error).message });
  }
}

function prune(root: Schema, schemas: readonly Schema[], value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  const flat = schemas.flatMap((schema) => flatten(root, schema));
  if (Array.isArray(value)) {
    const items = flat.flatMap((schema) => (schema.items === undefined ? [] : [schema.items]));
    if (items.length === 0 || items.some((item) => Array.isArray(item))) return value;
    return value.map((item) => prune(root, items, item)).filter((item) => item !== undefined);
  }
  if (typeof value !== 'object') return value;
  const known = flat.filter((schema) => schema.properties !== undefined);
  if (known.length === 0) return withoutNulls(value as Doc);
  const kept: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const below = known.flatMap((schema) => schema.properties?.[key] ?? []);
    const pruned = below.length === 0 ? undefined : prune(root, below, member);
    if (pruned !== undefined) kept[key] = pruned;
  }
  return kept;
}

/** Every object or array schema that may apply: through references, alternatives and conjunctions. */
function flatten(root: Schema, schema: Schema): readonly Schema[] {
  if (schema.$ref !== undefined) {
    const target = root.definitions?.[schema.$ref.replace('#/definitions/', '')];
    return target === undefined ? [] : flatten(root, target);
  }
  const inner = [...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...inner.flatMap((one) => flatten(root, one))];
}

function withoutNulls(value: Doc): Doc {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}
