import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import { packageRoot } from '../../src/util/package-root.js';

/** Marathon's API as JSON Schemas, beside the repository. */
const FOLDER = join(dirname(packageRoot()), 'shared', 'marathon-schema');

export type SchemaName = 'app' | 'group' | 'pod';

/** The schema for our own files. Throws where the folder is missing: nothing can be compared without it. */
export function strictSchema(name: SchemaName): Record<string, unknown> {
  const file = join(FOLDER, `${name}.strict.schema.json`);
  if (!existsSync(file)) {
    throw new Error(
      `${file} is missing: the definitions of Marathon's API belong into ../shared/marathon-schema, beside the repository`,
    );
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** A validator with that schema. */
export function strictValidator(name: SchemaName): ValidateFunction {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: { 'date-time': true } });
  return ajv.compile(strictSchema(name));
}
