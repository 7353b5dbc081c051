import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseValues } from '../../../src/cli/marathon/read-values.js';
import type { Json } from '../../../src/marathon/lint/json.js';
import type { Values } from '../../../src/marathon/render/values.js';
import { decodeValues } from '../../../src/marathon/render/values-codec.js';
import { packageRoot } from '../../../src/util/package-root.js';

/** What must be said. */
export const LEAST = {
  images: { carna: 'r.example:5000/carna:1.0', kamailio: 'kamailio:5.6', freeswitch: 'fs:1.10' },
  zookeeper: 'zk1:2181,zk2:2181/platform',
  sipDomain: 'example.org',
  dockerSocket: { group: 998 },
} as const;

/** The complete values of a document; fails with its mistakes. */
export function valuesOf(document: unknown): Values {
  const decoded = decodeValues(document);
  assert.ok(decoded.kind === 'ok', JSON.stringify(decoded));
  return decoded.values;
}

/** The example that is shipped. */
export function exampleText(): string {
  return readFileSync(join(packageRoot(), 'marathon/values.example.yaml'), 'utf8');
}

/** Its values. */
export function exampleValues(): Values {
  const read = parseValues(exampleText());
  assert.ok(read.kind === 'ok', JSON.stringify(read));
  return read.values;
}

/** A definition as it is sent: texts and numbers, nothing shared, free to be changed. */
export function sent(definition: Json): Record<string, unknown> {
  return JSON.parse(JSON.stringify(definition)) as Record<string, unknown>;
}
