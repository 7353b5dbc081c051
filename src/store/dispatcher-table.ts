import type { RowChange } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { NodeChange } from '../topology/node-changes.js';
import type { OverrideRecord } from '../topology/node.js';
import { DeposedError, StoreRefusedError } from '../util/errors.js';
import type { Store } from './pool.js';

/** The dispatcher table at one moment. */
export interface TableSnapshot {
  /** 0 before the first commit. */
  readonly generation: number;
  /** By set, priority (highest first) and destination; those of others too. */
  readonly rows: readonly DispatcherRow[];
}

export interface EpochOptions {
  readonly dc: string;
  /** Who takes it, for people. */
  readonly holder: string;
  /** Of our candidate znode: kept for tracing only. */
  readonly czxid: bigint;
  /** The highest epoch heard of elsewhere: the new one is beyond it, also when PostgreSQL forgot it. */
  readonly floor?: number;
}

/** One plan, to be committed whole or not at all. */
export interface CommitOptions {
  readonly dc: string;
  readonly epoch: number;
  /** Who commits it; kept when the write is refused. */
  readonly holder?: string;
  /** The generation that the plan was made from; another one in the table is a conflict. */
  readonly base: number;
  /**
   * The highest generation heard of: when it is beyond `base`, PostgreSQL lost commits, and this one makes a
   * generation beyond it, also without row changes. One that is too low (read late) changes nothing.
   */
  readonly floor?: number;
  readonly changes: readonly RowChange[];
  /** Sets that may end without any row. */
  readonly mayEmpty: readonly number[];
  readonly audit: readonly NodeChange[];
  /** How many of the changes take a row out of use without anybody's word, by setid. */
  readonly losses: ReadonlyMap<number, number>;
  /** Operators' words that let some of the changes through: used up with the commit. */
  readonly overrides: readonly Pick<OverrideRecord, 'setid' | 'since'>[];
  /** setid (decimal) -> hash of its rows after the changes; of a set that is lost see lost-sets.ts. */
  readonly setHashes: Readonly<Record<string, string>>;
  /** Wall clock in ms when the reconciler saw the change. */
  readonly seenAtMs: number;
}

export interface Committed {
  readonly generation: number;
  /** Wall clock of the database in ms, at the end of the transaction's work. */
  readonly committedAtMs: number;
}

/** What the table's newest version is known to hold, to write or repair the generation znode. */
export interface TableHead {
  readonly generation: number;
  readonly committedAtMs: number;
  readonly setHashes: Readonly<Record<string, string>>;
  /** The newest changes, newest last. */
  readonly traces: readonly { readonly id: string; readonly generation: number }[];
}

type RowTuple = readonly [number, string, number, number, string, string];

/** Reads the table, or some sets of it, with its generation: one statement, so both are of one moment. */
export async function readTable(store: Store, setids?: readonly number[]): Promise<TableSnapshot> {
  const [found] = await store.query<{ generation: string; rows: readonly RowTuple[] }>({
    name: 'carna-read-table',
    text: `SELECT (SELECT coalesce(max(generation), 0) FROM carna.generation) AS generation,
                  coalesce(json_agg(json_build_array(setid, destination, flags, priority, attrs, description)
                    ORDER BY setid, priority DESC, destination), '[]') AS rows
             FROM public.dispatcher WHERE $1::integer[] IS NULL OR setid = ANY($1)`,
    values: [setids === undefined ? null : [...setids]],
  });
  const rows = (found?.rows ?? []).map(
    ([setid, destination, flags, priority, attrs, description]) => ({
      setid,
      destination,
      flags,
      priority,
      attrs,
      description,
    }),
  );
  return { generation: Number(found?.generation ?? 0), rows };
}

/**
 * Takes the next epoch: from now on every commit of an older one is refused. A floor that was read late is
 * merely too low: the epoch still grows by one, as it does without a floor.
 */
export async function takeEpoch(store: Store, options: EpochOptions): Promise<number> {
  const [taken] = await store.query<{ epoch: string }>({
    text: 'SELECT carna.take_epoch($1, $2, $3::numeric, $4) AS epoch',
    values: [options.dc, options.holder, options.czxid.toString(), options.floor ?? 0],
  });
  if (taken === undefined) throw new StoreRefusedError('PostgreSQL gave no epoch');
  return Number(taken.epoch);
}

/**
 * Commits a plan in one round trip: epoch checked under a lock, row changes, version and audit.
 *
 * Without row changes only new audit entries are written and the generation stays, unless the table is behind
 * `floor`. Nothing of the plan is
 * written when it rejects: with DeposedError when a newer epoch was taken (readRefusals shows that it was
 * tried), StoreConflictError when the table is
 * not what the plan was made from, HeldByGuardError when a set would end empty against the plan. After
 * StoreUnavailableError it may or may not have been committed: read again.
 */
export async function commitPlan(store: Store, options: CommitOptions): Promise<Committed> {
  const plan = {
    holder: options.holder ?? null,
    base: options.base,
    floor: options.floor ?? 0,
    changes: options.changes.map(({ kind, row }) => ({ kind, ...row })),
    mayEmpty: options.mayEmpty,
    losses: Object.fromEntries(options.losses),
    overrides: options.overrides.map(({ setid, since }) => ({ setid, since })),
    setHashes: options.setHashes,
    seenAtMs: options.seenAtMs,
    audit: options.audit.map((change) => ({ ...change, setids: setidsOf(change) })),
  };
  const [done] = await store.query<CommitAnswer>({
    name: 'carna-commit-plan',
    text: `SELECT generation, (extract(epoch FROM committed_at) * 1000)::double precision AS at,
                  ruling_epoch AS "rulingEpoch"
             FROM carna.commit_or_refuse($1, $2, $3)`,
    values: [options.dc, options.epoch, JSON.stringify(plan)],
  });
  const rulingEpoch = done?.rulingEpoch ?? null;
  if (rulingEpoch !== null) throw new DeposedError(options.epoch, Number(rulingEpoch));
  const generation = done?.generation ?? null;
  if (generation === null) throw new StoreRefusedError('PostgreSQL gave no generation');
  return { generation: Number(generation), committedAtMs: done?.at ?? 0 };
}

interface CommitAnswer {
  /** Null, as `at`, when the plan was refused. */
  readonly generation: string | null;
  readonly at: number | null;
  /** Of the leader that rules; null when the plan was committed. */
  readonly rulingEpoch: string | null;
}

/** The newest version and the newest changes, at most `maxTraces`, in one statement. */
export async function readHead(store: Store, maxTraces: number): Promise<TableHead> {
  const [head] = await store.query<{
    generation: string | null;
    at: number | null;
    hashes: Record<string, string> | null;
    traces: { id: string; generation: number }[];
  }>({
    text: `SELECT g.generation, (extract(epoch FROM g.committed_at) * 1000)::double precision AS at,
                  g.set_hashes AS hashes, t.traces
             FROM (SELECT coalesce(json_agg(json_build_object('id', n.trace_id, 'generation', n.generation)
                            ORDER BY n.id), '[]') AS traces
                     FROM (SELECT id, trace_id, generation FROM carna.change ORDER BY id DESC LIMIT $1) n) t
             LEFT JOIN (SELECT * FROM carna.generation ORDER BY generation DESC LIMIT 1) g ON true`,
    values: [maxTraces],
  });
  return {
    generation: Number(head?.generation ?? 0),
    committedAtMs: head?.at ?? 0,
    setHashes: head?.hashes ?? {},
    traces: head?.traces ?? [],
  };
}

function setidsOf(change: NodeChange): number[] {
  return [...new Set(change.rows.map((row) => row.setid))];
}
