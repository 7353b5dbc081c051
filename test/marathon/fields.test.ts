import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APP } from '../../src/marathon/app-fields.js';
import { object } from '../../src/marathon/field-types.js';
import type { FieldType } from '../../src/marathon/field-types.js';
import { GROUP } from '../../src/marathon/group-fields.js';
import { POD } from '../../src/marathon/pod-fields.js';
import { strictSchema } from './schemas.js';
import type { SchemaName } from './schemas.js';

type Schema = Readonly<Record<string, unknown>>;

/** Follows references and wrappers of one; `false` is a member that is gone. */
function resolve(schema: unknown, root: Schema): Schema | false {
  if (schema === false) return false;
  const here = schema as Schema;
  if (typeof here['$ref'] === 'string') {
    const name = here['$ref'].replace('#/definitions/', '');
    const to = resolve((root['definitions'] as Schema)[name], root);
    return to === false ? false : { ...to, $name: to['$name'] ?? name };
  }
  if (Array.isArray(here['allOf'])) {
    const inner = resolve(here['allOf'][0], root);
    if (inner === false) return false;
    const { allOf, ...rest } = here;
    void allOf;
    return { ...inner, ...rest };
  }
  return here;
}

let compared = 0;

function compare(type: FieldType, schema: unknown, root: Schema, at: string, seen: Set<string>) {
  compared++;
  const found = resolve(schema, root);
  if (type.kind === 'gone' || found === false) {
    assert.equal(type.kind === 'gone', found === false, `${at}: gone`);
    return;
  }
  switch (type.kind) {
    case 'text':
      assert.deepEqual(
        [type.minLength, type.maxLength, type.pattern, 'string'],
        [
          found['minLength'] ?? 0,
          found['maxLength'] ?? Infinity,
          found['pattern'] ?? null,
          found['type'],
        ],
        at,
      );
      return;
    case 'number':
      assert.deepEqual(
        [type.min, type.max, type.isWhole ? 'integer' : 'number'],
        [found['minimum'] ?? -Infinity, found['maximum'] ?? Infinity, found['type']],
        at,
      );
      return;
    case 'flag':
      assert.equal(found['type'], 'boolean', at);
      return;
    case 'words':
      assert.deepEqual(type.words, found['enum'] ?? [found['const']], at);
      return;
    case 'list':
      assert.deepEqual(
        [type.minItems, type.maxItems, type.isUnique, 'array'],
        [
          found['minItems'] ?? 0,
          found['maxItems'] ?? Infinity,
          found['uniqueItems'] ?? false,
          found['type'],
        ],
        at,
      );
      compare(type.of, found['items'], root, `${at}[]`, seen);
      return;
    case 'map':
      compareMap(type, found, root, at, seen);
      return;
    case 'either': {
      const branches = found['anyOf'] as unknown[];
      assert.equal(type.of.length, branches.length, at);
      type.of.forEach((one, i) => compare(one, branches[i], root, `${at}|${i}`, seen));
      return;
    }
    case 'object':
      compareObject(type, found, root, at, seen);
  }
}

function compareMap(
  type: Extract<FieldType, { kind: 'map' }>,
  found: Schema,
  root: Schema,
  at: string,
  seen: Set<string>,
): void {
  const patterns = Object.entries((found['patternProperties'] ?? {}) as Schema);
  const [pattern] = patterns;
  const names = found['propertyNames'] as Schema | undefined;
  if (pattern !== undefined) assert.equal(type.names, pattern[0], at);
  else assert.equal(type.names !== null, names?.['minLength'] === 1, at);
  compare(type.of, pattern?.[1] ?? found['additionalProperties'], root, `${at}.*`, seen);
}

function compareObject(
  type: Extract<FieldType, { kind: 'object' }>,
  found: Schema,
  root: Schema,
  at: string,
  seen: Set<string>,
): void {
  const shape = type.shape();
  assert.equal(found['additionalProperties'], false, at);
  const properties = found['properties'] as Schema;
  assert.deepEqual(Object.keys(shape.fields).sort(), Object.keys(properties).sort(), at);
  assert.deepEqual(
    [...shape.required].sort(),
    [...((found['required'] ?? []) as string[])].sort(),
    at,
  );
  if (seen.has(shape.name)) return;
  seen.add(shape.name);
  for (const [name, field] of Object.entries(shape.fields)) {
    compare(field, properties[name], root, `${at}.${name}`, seen);
  }
}

for (const [name, shape, least] of [
  ['app', APP, 150],
  ['group', GROUP, 150],
  ['pod', POD, 150],
] as const satisfies readonly (readonly [SchemaName, unknown, number])[]) {
  test(`the members of ${name} are those of the schema, with their limits`, () => {
    const root = strictSchema(name);
    compared = 0;
    compare(
      object(() => shape),
      root,
      root,
      name,
      new Set(),
    );
    assert.ok(compared >= least, `${compared} types compared`);
  });
}
