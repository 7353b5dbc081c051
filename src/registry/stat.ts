/** ZooKeeper's description of a znode. Ids and zxids are unsigned 64-bit. */
export interface ZnodeStat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  /** Wall clock of the server in ms. */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  /** Number of changes of its data since its creation. */
  readonly dataVersion: number;
  readonly childrenVersion: number;
  /** zkSession that it lives with; 0n for a persistent znode. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly childCount: number;
}

/** The client package's stat record as a plain value. Throws when it is none. */
export function toStat(record: unknown): ZnodeStat {
  const stat = record as Readonly<Record<string, unknown>>;
  return {
    czxid: long(stat['czxid']),
    mzxid: long(stat['mzxid']),
    pzxid: long(stat['pzxid']),
    ctimeMs: Number(long(stat['ctime'])),
    mtimeMs: Number(long(stat['mtime'])),
    dataVersion: Number(stat['version']),
    childrenVersion: Number(stat['cversion']),
    ephemeralOwner: long(stat['ephemeralOwner']),
    dataLength: Number(stat['dataLength']),
    childCount: Number(stat['numChildren']),
  };
}

/**
 * The same znode with the same data; undefined is none. The times too: a server whose data was wiped counts its
 * transactions from the start again, and clients that come back in their order write the same numbers.
 */
export function isSameVersion(a: ZnodeStat | undefined, b: ZnodeStat | undefined): boolean {
  const isSameWrite = a?.czxid === b?.czxid && a?.mzxid === b?.mzxid;
  return isSameWrite && a?.ctimeMs === b?.ctimeMs && a?.mtimeMs === b?.mtimeMs;
}

/** Eight bytes as an unsigned number. Throws TypeError on anything else. */
export function long(value: unknown): bigint {
  if (!Buffer.isBuffer(value) || value.length !== 8) throw new TypeError('not a 64-bit value');
  return value.readBigUInt64BE(0);
}
