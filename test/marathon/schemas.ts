import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { packageRoot } from '../../src/util/package-root.js';

/** Marathon's API as JSON Schemas. */
const FOLDER = join(packageRoot(), 'test/fixtures/marathon-schema');

export type SchemaName = 'app' | 'group' | 'pod';

/** The schema for our own files. */
export function strictSchema(name: SchemaName): Record<string, unknown> {
  const text = readFileSync(join(FOLDER, `${name}.strict.schema.json`), 'utf8');
  return JSON.parse(text) as Record<string, unknown>;
}

/** A validator with that schema. */
export function strictValidator(name: SchemaName): ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': true } });
  return ajv.compile(strictSchema(name));
}
