import fc from 'fast-check';
import assert from 'node:assert/strict';
import type { NodeRecord } from '../../src/topology/node.js';
import {
  LOAD_CLASSES,
  NODE_KINDS,
  NODE_STATES,
  ROLES,
  TRANSPORTS,
} from '../../src/topology/node.js';
import * as codec from '../../src/topology/node-codec.js';
import { InvalidInputError } from '../../src/util/errors.js';
import { record } from '../topology/records.js';
import { holds } from './support/check.js';
import { accept, mutated, utf8 } from './support/outside-input.js';

/** I9: whatever a znode holds is a record or refused by name; nothing else is ever thrown. */

type Decode = (bytes: Uint8Array | null) => unknown;
const DECODERS: readonly Decode[] = [
  codec.decodeNodeRecord,
  codec.decodeIntentRecord,
  codec.decodeGenerationRecord,
  codec.decodeAppliedRecord,
  codec.decodeOverrideRecord,
];

const line = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', minLength, maxLength }).filter((text) => !/\p{Cc}/u.test(text));
const wallMs = fc.double({ min: 0, max: 1e15, noNaN: true });
const short = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);

const nodeRecords: fc.Arbitrary<NodeRecord> = fc.record({
  schema: fc.constant(1 as const),
  nodeId: short,
  instanceId: line(30, 1),
  role: fc.constantFrom(...ROLES),
  kind: fc.constantFrom(...NODE_KINDS),
  dc: short,
  sip: fc.array(
    fc.record({
      transport: fc.constantFrom(...TRANSPORTS),
      host: fc.oneof(
        fc.ipV4(),
        fc.ipV6().map((host) => `[${host}]`),
        fc.domain(),
      ),
      port: fc.integer({ min: 1, max: 65_535 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  state: fc.constantFrom(...NODE_STATES),
  reason: line(40),
  since: wallMs,
  weight: fc.integer({ min: 1, max: 100 }),
  maxSessions: fc.nat(),
  loadClass: fc.constantFrom(...LOAD_CLASSES),
  marathon: fc.option(fc.record({ taskId: short, appId: short, appVersion: short })),
  agent: fc.record({ version: short, http: fc.option(short) }),
  trace: fc.record({
    id: fc.stringMatching(/^[a-f0-9-]{8,36}$/),
    cause: line(40),
    from: fc.constantFrom(...NODE_STATES, 'gone' as const),
    actor: short,
    occurredAtMs: fc.option(wallMs),
    noticedAtMs: wallMs,
    publishedAtMs: wallMs,
  }),
});

const TEXTS: Readonly<Record<string, (record: NodeRecord, text: string) => NodeRecord>> = {
  reason: (one, reason) => ({ ...one, reason }),
  instanceId: (one, instanceId) => ({ ...one, instanceId }),
  'trace.id': (one, id) => ({ ...one, trace: { ...one.trace, id: `trace-${id}` } }),
  'trace.cause': (one, cause) => ({ ...one, trace: { ...one.trace, cause } }),
  'trace.actor': (one, actor) => ({ ...one, trace: { ...one.trace, actor } }),
  'marathon.appId': (one, appId) => ({
    ...one,
    marathon: { taskId: 't', appVersion: '1', appId },
  }),
};

holds('half a character, or a nought, is refused by the name of the text that has it', 500, () =>
  fc.property(
    nodeRecords,
    fc.constantFrom(...Object.keys(TEXTS)),
    fc.constantFrom('\ud83d', '\udea7', 'a\ud83db', '\u0000'),
    (written, name, text) => {
      const broken = TEXTS[name]?.(written, text) ?? written;
      const refused = { name: 'InvalidInputError', message: new RegExp(`${name}: `) };
      assert.throws(() => codec.encodeNodeRecord(broken), refused);
      assert.throws(() => codec.decodeNodeRecord(utf8(JSON.stringify(broken))), refused);
    },
  ),
);

holds('any bytes are a record or refused as invalid input', 2_000, () =>
  fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    for (const decode of DECODERS) accept(() => decode(bytes), InvalidInputError);
  }),
);

holds('any JSON is a record or refused as invalid input', 1_500, () =>
  fc.property(fc.jsonValue(), fc.boolean(), (value, isVersioned) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const text = JSON.stringify(isObject && isVersioned ? { ...value, schema: 1 } : value);
    for (const decode of DECODERS) accept(() => decode(utf8(text)), InvalidInputError);
  }),
);

holds('a record with one field of any other value is read or refused, never half read', 1_500, () =>
  fc.property(nodeRecords, fc.nat(), fc.jsonValue(), (node, at, value) => {
    const fields: Record<string, unknown> = { ...node };
    const names = Object.keys(fields);
    fields[names[at % names.length] ?? ''] = value;
    const read = accept(
      () => codec.decodeNodeRecord(utf8(JSON.stringify(fields))),
      InvalidInputError,
    );
    if (read !== null) assert.ok(codec.encodeNodeRecord(read).length <= 1_024);
  }),
);

holds('what is written is read as it was', 1_000, () =>
  fc.property(nodeRecords, (node) => {
    const bytes = accept(() => codec.encodeNodeRecord(node), InvalidInputError);
    if (bytes === null) return;
    const read = codec.decodeNodeRecord(bytes);
    assert.deepEqual(
      { ...read, reason: '', trace: { ...read.trace, cause: '' } },
      {
        ...(JSON.parse(JSON.stringify(node)) as object),
        reason: '',
        trace: { ...(JSON.parse(JSON.stringify(node.trace)) as object), cause: '' },
      },
    );
    if (JSON.stringify(node).length < 700) assert.deepEqual(read.trace.cause, node.trace.cause);
    assert.deepEqual(codec.encodeNodeRecord(read), bytes, 'written again it is the same');
  }),
);

holds('a record with bytes broken on the way is read or refused', 1_000, () =>
  fc.property(mutated(codec.encodeNodeRecord(record('m1'))), (bytes) => {
    accept(() => codec.decodeNodeRecord(bytes), InvalidInputError);
  }),
);
