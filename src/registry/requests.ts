import { createHash } from 'node:crypto';
import { RegistryRejectedError } from '../util/errors.js';
import type { ZnodeStat } from './stat.js';
import { toStat } from './stat.js';
import type { ZkRecord, ZkRequest } from './zk-client.js';
import { jute, recordClass } from './zk-client.js';
import { zkCodeName } from './zk-codes.js';

/** One operation of ZooKeeper's protocol: how to ask, and what its answer means. Paths are whole, with the chroot. */
export interface ZkOperation<T> {
  /** For error messages: `create /carna/x`. */
  readonly what: string;
  /** The package writes its `xid`, so a request is made anew for each sending. */
  readonly request: () => ZkRequest;
  readonly read: (payload: unknown) => T;
}

export interface ZnodeAcl {
  readonly permission: number;
  readonly scheme: string;
  readonly id: string;
}

export interface ZnodeData {
  /** Null for a znode made without data. */
  readonly data: Buffer | null;
  readonly stat: ZnodeStat;
}

/** One step of a transaction. A version of -1 means any; 0 means 0. */
export type TransactionStep =
  | { readonly kind: 'check'; readonly path: string; readonly version: number }
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer | null }
  | {
      readonly kind: 'setData';
      readonly path: string;
      readonly data: Buffer;
      readonly version: number;
    }
  | { readonly kind: 'remove'; readonly path: string; readonly version: number };

export const PERMISSION_READ = 1;
export const PERMISSION_ALL = 31;

/** Operations that the package does not know; their answers have no body that we need. */
const SYNC = 9;
const REMOVE_WATCHES = 18;
const ADD_WATCH = 106;
const PERSISTENT = 0;
const PERSISTENT_RECURSIVE = 1;
const ANY_WATCHER = 3;

const PING_XID = -2;

/** Everybody may read, the holders of the password may do all; without `auth` everybody may do all. */
export function aclFor(
  auth: { readonly user: string; readonly password: string } | null,
): readonly ZnodeAcl[] {
  if (auth === null) return [{ permission: PERMISSION_ALL, scheme: 'world', id: 'anyone' }];
  const secret = createHash('sha1').update(`${auth.user}:${auth.password}`).digest('base64');
  return [
    { permission: PERMISSION_READ, scheme: 'world', id: 'anyone' },
    { permission: PERMISSION_ALL, scheme: 'digest', id: `${auth.user}:${secret}` },
  ];
}

export function pingRequest(): ZkRequest {
  return new jute.Request(record('RequestHeader', PING_XID, opCode('PING')), null);
}

export function closeSession(): ZkOperation<void> {
  return operation('close', opCode('CLOSE_SESSION'), null, () => undefined);
}

export function exists(path: string, watch: boolean): ZkOperation<ZnodeStat> {
  const payload = record('ExistsRequest', path, watch);
  return operation(`exists ${path}`, opCode('EXISTS'), payload, (reply) =>
    toStat(field(reply, 'stat')),
  );
}

export function getData(path: string, watch: boolean): ZkOperation<ZnodeData> {
  const payload = record('GetDataRequest', path, watch);
  return operation(`getData ${path}`, opCode('GET_DATA'), payload, (reply) => {
    const data = field(reply, 'data');
    return { data: Buffer.isBuffer(data) ? data : null, stat: toStat(field(reply, 'stat')) };
  });
}

export function getChildren(
  path: string,
  watch: boolean,
): ZkOperation<{ readonly children: readonly string[]; readonly stat: ZnodeStat }> {
  const payload = record('GetChildren2Request', path, watch);
  return operation(`getChildren ${path}`, opCode('GET_CHILDREN2'), payload, (reply) => ({
    children: (field(reply, 'children') ?? []) as string[],
    stat: toStat(field(reply, 'stat')),
  }));
}

/** Gives the path that the server chose (sequential znodes get a number). */
export function create(
  path: string,
  data: Buffer | null,
  acl: readonly ZnodeAcl[],
  mode: { readonly ephemeral: boolean; readonly sequential: boolean },
): ZkOperation<string> {
  const flags = (mode.ephemeral ? 1 : 0) + (mode.sequential ? 2 : 0);
  const payload = record('CreateRequest', path, data ?? undefined, aclRecords(acl), flags);
  return operation(`create ${path}`, opCode('CREATE'), payload, (reply) =>
    String(field(reply, 'path')),
  );
}

export function setData(path: string, data: Buffer, version: number): ZkOperation<ZnodeStat> {
  const payload = record('SetDataRequest', path, data, version);
  return operation(`setData ${path}`, opCode('SET_DATA'), payload, (reply) =>
    toStat(field(reply, 'stat')),
  );
}

export function remove(path: string, version: number): ZkOperation<void> {
  const payload = record('DeleteRequest', path, version);
  return operation(`remove ${path}`, opCode('DELETE'), payload, () => undefined);
}

/** Makes the server catch up with its leader before it answers what follows on this connection. */
export function sync(path: string): ZkOperation<void> {
  return raw(`sync ${path}`, SYNC, text(path));
}

/** A watch that stays until the connection ends; the notices come by `onWatchEvent`. */
export function addWatch(path: string, isRecursive: boolean): ZkOperation<void> {
  const mode = int(isRecursive ? PERSISTENT_RECURSIVE : PERSISTENT);
  return raw(`addWatch ${path}`, ADD_WATCH, Buffer.concat([text(path), mode]));
}

/** Ends every watch of this connection on this very path, whoever asked for it; those below it stay. */
export function removeWatches(path: string): ZkOperation<void> {
  const body = Buffer.concat([text(path), int(ANY_WATCHER)]);
  return raw(`removeWatches ${path}`, REMOVE_WATCHES, body);
}

/** All steps or none. Throws RegistryRejectedError, from `read`, with the code of the step that failed. */
export function transaction(
  steps: readonly TransactionStep[],
  acl: readonly ZnodeAcl[],
): ZkOperation<void> {
  // The package's own Transaction turns version 0 into "any version"; its request record does not.
  const payload = new jute.TransactionRequest(steps.map((step) => transactionOp(step, acl)));
  const what = `transaction of ${steps.length} steps`;
  return operation(what, opCode('MULTI'), payload, (reply) => {
    const results = (field(reply, 'results') ?? []) as readonly { readonly err?: number }[];
    const at = results.findIndex(({ err }) => err !== undefined && err !== 0 && err !== -2);
    const code = results[at]?.err;
    if (code === undefined) return;
    throw new RegistryRejectedError(`${what}, step ${at + 1}`, zkCodeName(code));
  });
}

function transactionOp(step: TransactionStep, acl: readonly ZnodeAcl[]): object {
  switch (step.kind) {
    case 'check':
      return { type: opCode('CHECK'), path: step.path, version: step.version };
    case 'create': {
      const acls = aclRecords(acl).map((entry) => ({ toRecord: () => entry }));
      const data = step.data ?? undefined;
      return { type: opCode('CREATE'), path: step.path, data, acls, mode: 0 };
    }
    case 'setData':
      return { type: opCode('SET_DATA'), path: step.path, data: step.data, version: step.version };
    case 'remove':
      return { type: opCode('DELETE'), path: step.path, version: step.version };
  }
}

function operation<T>(
  what: string,
  type: number,
  payload: ZkRecord | null,
  read: (payload: unknown) => T,
): ZkOperation<T> {
  const request = (): ZkRequest => new jute.Request(record('RequestHeader', 0, type), payload);
  return { what, request, read };
}

/**
 * An operation unknown to the package: the bytes are ours, and its reply, which has no body of
 * interest, is parsed like that of a remove because the package goes by `header.type`.
 */
function raw(what: string, type: number, body: Buffer): ZkOperation<void> {
  const request = (): ZkRequest => {
    const header = { xid: 0, type: opCode('DELETE') };
    const toBuffer = (): Buffer =>
      Buffer.concat([int(8 + body.length), int(header.xid), int(type), body]);
    return { header, payload: null, toBuffer };
  };
  return { what, request, read: () => undefined };
}

function aclRecords(acl: readonly ZnodeAcl[]): ZkRecord[] {
  const AclRecord = recordClass('data', 'ACL');
  const IdRecord = recordClass('data', 'Id');
  return acl.map((entry) => new AclRecord(entry.permission, new IdRecord(entry.scheme, entry.id)));
}

function record(name: string, ...fields: unknown[]): ZkRecord {
  const Record = recordClass('protocol', name);
  return new Record(...fields);
}

function opCode(name: string): number {
  const code = jute.OP_CODES[name];
  if (code === undefined) throw new Error(`node-zookeeper-client has no operation ${name}`);
  return code;
}

function field(reply: unknown, name: string): unknown {
  return (reply as Readonly<Record<string, unknown>>)[name];
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int(bytes.length), bytes]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}
