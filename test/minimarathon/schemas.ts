import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { packageRoot } from '../../src/util/package-root.js';

const FOLDER = join(packageRoot(), 'test/fixtures/marathon-schema');

/** JSON Schema as far as it is walked here. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** One line of endpoints.json. */
export interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly query?: readonly string[];
  readonly request?: string;
  readonly responses: Readonly<Record<string, string>>;
}

const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
const compiled = new Map<string, ValidateFunction>();

/** The schema of that name. */
export function readSchema(name: string): Schema {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.schema.json`), 'utf8')) as Schema;
}

/** The API's paths with the names of their schemas. */
export function readEndpoints(): readonly Endpoint[] {
  const file = JSON.parse(readFileSync(join(FOLDER, 'endpoints.json'), 'utf8')) as {
    endpoints: Endpoint[];
  };
  return file.endpoints;
}

/** What the schema of that name has against the value; empty when it fits. */
export function misfits(name: string, value: unknown): readonly ErrorObject[] {
  let validate = compiled.get(name);
  if (validate === undefined) {
    validate = ajv.compile(readSchema(name));
    compiled.set(name, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []);
}

/**
 * What a body has against the words of endpoints.json: a schema's name, `a | b`, `[a]`, `(empty)`,
 * `{versions:[date-time]}`, `{steps}` or plain text. Empty when it fits.
 */
export function misfitsOfWords(words: string, body: unknown): readonly string[] {
  if (words === '(empty)') return body === undefined ? [] : ['a body where none is'];
  if (words.startsWith('text/')) return typeof body === 'string' ? [] : ['not a text'];
  if (words.startsWith('{versions')) return misfitsOfVersions(body);
  if (words === '{steps}') return misfitsOfSteps(body);
  if (words.startsWith('[')) {
    const inner = words.slice(1, -1);
    if (!Array.isArray(body)) return ['not an array'];
    if (inner === 'instance id') return [];
    return body.flatMap((item) => misfitsOfWords(inner, item));
  }
  const attempts = words.split('|').map((name) => misfits(name.trim(), body));
  if (attempts.some((errors) => errors.length === 0)) return [];
  return (attempts[0] ?? []).map((error) => `${error.instancePath || '/'} ${error.message ?? ''}`);
}

/** What a dry run answers: steps as in a deployment. */
function misfitsOfSteps(body: unknown): readonly string[] {
  const { steps } = (body ?? {}) as { readonly steps?: unknown };
  const rest = { affectedApps: [], currentActions: [], currentStep: 0, totalSteps: 0 };
  const version = new Date(0).toISOString();
  if (!Array.isArray(steps)) return ['no steps'];
  return misfitsOfWords('deployments.response', [{ id: 'none', version, steps, ...rest }]);
}

function misfitsOfVersions(body: unknown): readonly string[] {
  const versions = (body as { versions?: unknown } | undefined)?.versions;
  const isGood =
    Array.isArray(versions) && versions.every((one) => !Number.isNaN(Date.parse(String(one))));
  return isGood ? [] : ['not a list of versions'];
}
