import { z } from 'zod';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
  OverrideRecord,
} from './node.js';
import {
  GUARD_RULES,
  LOAD_CLASSES,
  MAX_HELD,
  MAX_HELD_DESTINATIONS,
  MAX_REMOTES,
  MAX_TRACES,
  MAX_UNLISTED,
  MAX_WITNESSED,
  NODE_KINDS,
  NODE_STATES,
  REMOTE_LINKS,
  ROLES,
  TRANSPORTS,
  WITNESS_FINDINGS,
} from './node.js';
import { decode, encode, MAX_RECORD_BYTES, parse, SCHEMA, sized, toBytes } from './record-codec.js';

/** What readers accept and writers make at most, in bytes of JSON. */
export const MAX_NODE_RECORD_BYTES = 1024;

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const IPV6 = /^\[[0-9A-Fa-f:]{2,39}\]$/;
const SHORTEST_TEXT = 16;

const nodeId = z.string().regex(/^[!-.0-}]{1,255}$/, 'not a node id');
const line = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'control characters, or half a character');
const wallMs = z.number().min(0).max(1e15);
const count = z.int().min(0);
const hashes = z.record(z.string().regex(/^\d{1,10}$/, 'not a setid'), z.string().max(128));

const endpoint = z.object({
  transport: z.enum(TRANSPORTS),
  host: z.string().refine(isHost, 'not a host of a SIP URI'),
  port: z.int().min(1).max(65_535),
});

const trace = z.object({
  id: line(36).min(8),
  cause: line(1024),
  from: z.enum([...NODE_STATES, 'gone']),
  actor: line(64),
  occurredAtMs: wallMs.nullable(),
  noticedAtMs: wallMs,
  publishedAtMs: wallMs,
});

const nodeRecord = z.object({
  schema: z.literal(SCHEMA),
  nodeId,
  instanceId: line(64).min(1),
  role: z.enum(ROLES),
  kind: z.enum(NODE_KINDS),
  dc: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'not a data centre'),
  sip: z.array(endpoint).min(1).max(8),
  state: z.enum(NODE_STATES),
  reason: line(1024),
  since: wallMs,
  weight: z.number().min(1).max(100),
  maxSessions: count,
  loadClass: z.enum(LOAD_CLASSES),
  marathon: z.object({ taskId: line(255), appId: line(255), appVersion: line(64) }).nullable(),
  agent: z.object({ version: line(64), http: line(280).nullable() }),
  trace,
});

const intentRecord = z.object({
  schema: z.literal(SCHEMA),
  nodeId,
  want: z.enum(['drain', 'maintenance']),
  by: line(255),
  why: line(1024),
  since: wallMs,
  deadline: wallMs.nullable(),
  now: z.boolean(),
});

const setid = z.int().min(0).max(2_147_483_647);

const heldRecord = z.object({
  setid,
  rule: z.enum(GUARD_RULES),
  why: line(1024),
  sinceMs: wallMs,
  count,
  destinations: z.array(line(255)).max(MAX_HELD_DESTINATIONS),
});

const witnessedRecord = z.object({
  nodeId,
  finding: z.enum(WITNESS_FINDINGS),
  destination: line(255),
  sinceMs: wallMs,
});

const witnessReport = z.object({
  counts: z.partialRecord(z.enum(WITNESS_FINDINGS), count),
  nodes: z.array(witnessedRecord).max(MAX_WITNESSED),
});

const dataCentre = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'not a data centre');

const remoteRecord = z.object({
  dc: dataCentre,
  link: z.enum(REMOTE_LINKS),
  sinceMs: wallMs,
  witnessed: witnessReport.optional(),
});

const overrideRecord = z.object({
  schema: z.literal(SCHEMA),
  setid,
  by: line(255),
  why: line(1024),
  since: wallMs,
  until: wallMs,
});

const generationRecord = z.object({
  schema: z.literal(SCHEMA),
  generation: count,
  epoch: count,
  sets: hashes,
  traces: z.array(z.object({ id: line(36), generation: count })).max(MAX_TRACES),
  committedAtMs: wallMs,
  held: z.array(heldRecord).max(MAX_HELD).optional(),
  witnessed: witnessReport.optional(),
  remotes: z.array(remoteRecord).max(MAX_REMOTES).optional(),
});

const appliedRecord = z.object({
  schema: z.literal(SCHEMA),
  nodeId,
  role: z.enum(ROLES),
  generation: count,
  sets: hashes,
  provenAtMs: wallMs,
  drift: line(4096).nullable(),
  unlisted: z.array(line(255)).max(MAX_UNLISTED).optional(),
});

/**
 * The bytes of a node's znode, at most MAX_NODE_RECORD_BYTES: the texts for people are shortened when it
 * would be larger. Throws InvalidInputError when it still is, or when the record is no valid one. Pure.
 */
export function encodeNodeRecord(record: NodeRecord): Uint8Array {
  const valid = parse(`node record of ${record.nodeId}`, nodeRecord, record);
  let fitting: NodeRecord = valid;
  for (const shorten of [shortenReason, shortenCause]) {
    const excess = toBytes(fitting).length - MAX_NODE_RECORD_BYTES;
    if (excess > 0) fitting = shorten(fitting, excess);
  }
  return sized(`node record of ${record.nodeId}`, toBytes(fitting), MAX_NODE_RECORD_BYTES);
}

/** Reads a node's znode. Throws InvalidInputError saying what is wrong; ignores fields it does not know. Pure. */
export function decodeNodeRecord(bytes: Uint8Array | null): NodeRecord {
  return decode('node record', nodeRecord, bytes, MAX_NODE_RECORD_BYTES);
}

/** Throws InvalidInputError for an invalid or too large record. Pure. */
export function encodeIntentRecord(record: IntentRecord): Uint8Array {
  return encode(`intent for ${record.nodeId}`, intentRecord, record);
}

/** Throws InvalidInputError saying what is wrong. Pure. */
export function decodeIntentRecord(bytes: Uint8Array | null): IntentRecord {
  return decode('intent', intentRecord, bytes, MAX_RECORD_BYTES);
}

/** Throws InvalidInputError for an invalid or too large record. Pure. */
export function encodeGenerationRecord(record: GenerationRecord): Uint8Array {
  return encode(`generation ${record.generation}`, generationRecord, record);
}

/** Throws InvalidInputError saying what is wrong. Pure. */
export function decodeGenerationRecord(bytes: Uint8Array | null): GenerationRecord {
  return decode('generation', generationRecord, bytes, MAX_RECORD_BYTES);
}

/** Throws InvalidInputError for an invalid or too large record. Pure. */
export function encodeAppliedRecord(record: AppliedRecord): Uint8Array {
  return encode(`applied record of ${record.nodeId}`, appliedRecord, record);
}

/** Throws InvalidInputError saying what is wrong. Pure. */
export function decodeAppliedRecord(bytes: Uint8Array | null): AppliedRecord {
  return decode('applied record', appliedRecord, bytes, MAX_RECORD_BYTES);
}

/** Throws InvalidInputError for an invalid record. Pure. */
export function encodeOverrideRecord(record: OverrideRecord): Uint8Array {
  return encode(`override for set ${record.setid}`, overrideRecord, record);
}

/** Throws InvalidInputError saying what is wrong. Pure. */
export function decodeOverrideRecord(bytes: Uint8Array | null): OverrideRecord {
  return decode('override', overrideRecord, bytes, MAX_RECORD_BYTES);
}

/** True for what may stand as the host of a SIP URI: IPv4, bracketed IPv6, host name. */
function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) {
    const parts = host.split('.');
    return (
      parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
    );
  }
  if (host.startsWith('[')) return IPV6.test(host) && URL.canParse(`http://${host}/`);
  return HOST_NAME.test(host);
}

function shortenReason(record: NodeRecord, excess: number): NodeRecord {
  return { ...record, reason: shortened(record.reason, excess) };
}

function shortenCause(record: NodeRecord, excess: number): NodeRecord {
  return { ...record, trace: { ...record.trace, cause: shortened(record.trace.cause, excess) } };
}

/** Drops at least `excessBytes` of JSON from the end if the text is long enough; whole characters only. */
function shortened(text: string, excessBytes: number): string {
  const characters = [...text];
  const mark = '...';
  let left = excessBytes + mark.length;
  while (left > 0 && characters.length > SHORTEST_TEXT) {
    left -= toBytes(characters.pop() ?? '').length - 2;
  }
  return characters.length === [...text].length ? text : characters.join('') + mark;
}
