import type { Bell, ReconcilerDeps, Term } from '../../src/reconciler/ports.js';
import type { CommitOptions } from '../../src/store/dispatcher-table.js';
import type { LiveProof } from '../../src/store/change-log.js';
import type { RemoteView } from '../../src/reconciler/remotes.js';
import { DEFAULT_WITNESS_TIMING } from '../../src/reconciler/witness.js';
import type { Loss } from '../../src/topology/guard-budget.js';
import { DEFAULT_BUDGET_LIMITS } from '../../src/topology/guard-budget.js';
import { DEFAULT_DERIVE_LIMITS } from '../../src/topology/desired-rows.js';
import type { Evidence, LiveNode } from '../../src/topology/desired-rows.js';
import { applyChanges } from '../../src/topology/diff-rows.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { decodeGenerationRecord, encodeGenerationRecord } from '../../src/topology/node-codec.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
  OverrideRecord,
} from '../../src/topology/node.js';
import { DEFAULT_WIRING } from '../../src/topology/wiring.js';
import type { CarnaError } from '../../src/util/errors.js';
import { DeposedError, StoreConflictError } from '../../src/util/errors.js';
import { NOW_MS } from '../topology/records.js';

export const SETTLE_MS = 4_000;

/** Promises deep enough for whatever follows without time passing. */
const TURNS = 50;

/** What happens at the end of pass `n` (0 = first); the loop waits there. */
export type Step = () => void;

/**
 * ZooKeeper, PostgreSQL and time as plain values. Time stands still but for the loop's own waits; after
 * each pass the next step runs; after the last one the term ends.
 */
export class World {
  nodes = new Map<string, LiveNode>();
  intents = new Map<string, IntentRecord>();
  applied = new Map<string, AppliedRecord>();
  overrides = new Map<number, OverrideRecord>();
  isFresh = true;
  mayWrite = true;
  table: DispatcherRow[] = [];
  tableGeneration = 0;
  /** As the last version kept them. */
  setHashes: CommitOptions['setHashes'] = {};
  epoch = 0;
  audit: { readonly id: string; readonly generation: number }[] = [];
  znode: GenerationRecord | null = null;
  nowMs = 0;
  /** By how much somebody moved the wall clock. */
  steppedMs = 0;
  /** Thrown by the next calls of that name, one each. */
  readonly failures = new Map<string, CarnaError[]>();
  readonly commits: CommitOptions[] = [];
  /** What commits took out of use without anybody's word. */
  readonly lost: { readonly setid: number; readonly count: number; readonly atMs: number }[] = [];
  /** When the last override was said that a commit used, by setid. */
  readonly used = new Map<number, number>();
  readonly proofs: LiveProof[] = [];
  readonly znodes: GenerationRecord[] = [];
  readonly logged: string[] = [];
  /** What the witness's pings show. */
  answers: (destination: string) => Evidence | Promise<Evidence> = () => 'answers';
  /** What the loop waited for after each pass. */
  readonly waits: number[] = [];
  /** The other data centres. */
  remotes: readonly RemoteView[] = [];
  readonly #listeners = new Set<() => void>();
  #passes = 0;

  /** Shows these nodes and nobody else. */
  show(...records: readonly NodeRecord[]): void {
    this.nodes = new Map(records.map((r) => [r.nodeId, { record: r }] as const));
    this.notify();
  }

  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  listeners(): number {
    return this.#listeners.size;
  }

  fail(call: string, ...errors: readonly CarnaError[]): void {
    this.failures.set(call, [...errors]);
  }

  /**
   * A term that ends after the steps; `skipMs` passes with each wait. What rings of itself, like an answer
   * to the witness, gives a pass at once that takes no step.
   */
  term(steps: readonly Step[], skipMs: number): { readonly term: Term; readonly bell: Bell } {
    const stop = new AbortController();
    let step = 0;
    let isRung = false;
    const bell: Bell = {
      ring: () => (isRung = true),
      wait: async (ms) => {
        for (let turn = 0; turn < TURNS && !isRung; turn++) await Promise.resolve();
        if (!isRung) {
          this.waits.push(ms);
          this.nowMs += skipMs;
          const next = steps[step++];
          if (next === undefined) stop.abort();
          else next();
        }
        isRung = false;
      },
    };
    const mayWrite = (): boolean => this.mayWrite;
    return { term: { signal: stop.signal, mayWrite, czxid: 5n }, bell };
  }

  deps(bell: Bell): ReconcilerDeps {
    return {
      dc: 'dc1',
      holder: 'rec-1',
      wiring: DEFAULT_WIRING,
      limits: DEFAULT_DERIVE_LIMITS,
      budget: { ...DEFAULT_BUDGET_LIMITS, calmMs: 0 },
      timing: {
        quietMs: 100,
        resyncMs: 30_000,
        retry: { minMs: 200, maxMs: 5_000 },
        settleMs: SETTLE_MS,
      },
      view: {
        nodes: () => this.nodes,
        intents: () => this.intents,
        applied: () => this.applied,
        overrides: () => this.overrides,
        isFresh: () => this.isFresh,
        subscribe: (listener) => {
          this.#listeners.add(listener);
          return () => this.#listeners.delete(listener);
        },
      },
      remotes: this.remotes,
      table: this.#tablePort(),
      generation: {
        read: async () => this.#call('readZnode', () => this.znode),
        write: async (record) => this.#call('writeZnode', () => this.#publish(record)),
      },
      overrides: {
        remove: async ({ setid }) =>
          this.#call('removeOverride', () => void this.overrides.delete(setid)),
      },
      clock: { wallMs: () => NOW_MS + this.nowMs + this.steppedMs, monoMs: () => this.nowMs },
      random: () => 0,
      newPassId: () => `pass-${this.#passes++}`,
      bell,
      witness: {
        ping: (destination) => Promise.resolve(this.answers(destination)),
        timing: DEFAULT_WITNESS_TIMING,
        bell: { ring: () => this.askAgain(), wait: (_, signal) => this.#untilAsked(signal) },
      },
      wait: async () => undefined,
      log: {
        info: (_: unknown, text?: string) => this.logged.push(text ?? ''),
        warn: (_: unknown, text?: string) => this.logged.push(text ?? ''),
        error: (_: unknown, text?: string) => this.logged.push(text ?? ''),
      },
    };
  }

  /** The witness asks everybody who is due. */
  askAgain: () => void = () => undefined;

  async #untilAsked(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.askAgain = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #tablePort(): ReconcilerDeps['table'] {
    return {
      takeEpoch: async ({ floor = 0 }) =>
        this.#call('takeEpoch', () => (this.epoch = Math.max(this.epoch, floor) + 1)),
      readTable: async () =>
        this.#call('readTable', () => ({ generation: this.tableGeneration, rows: this.table })),
      readHead: async () =>
        this.#call('readHead', () => ({
          generation: this.tableGeneration,
          committedAtMs: 0,
          setHashes: this.setHashes,
          traces: [...this.audit],
        })),
      readLosses: async (windowMs) => this.#losses(windowMs),
      readUsedOverrides: async () => new Map(this.used),
      knownTraces: async (ids) =>
        new Set(ids.filter((id) => this.audit.some((entry) => entry.id === id))),
      commitPlan: async (plan) => this.#call('commitPlan', () => this.#commit(plan)),
      recordLive: async (proof) => this.#call('recordLive', () => this.proofs.push(proof)),
    };
  }

  /** As the registry: what a newer leader, or we ourselves later, told stays. */
  #publish(record: GenerationRecord): void {
    const { epoch, generation } = this.znode ?? { epoch: 0, generation: 0 };
    if (epoch > record.epoch) throw new DeposedError(record.epoch, epoch);
    if (epoch === record.epoch && generation > record.generation) {
      throw new StoreConflictError('a later generation was told');
    }
    this.znode = decodeGenerationRecord(encodeGenerationRecord(record));
    this.znodes.push(this.znode);
  }

  #losses(windowMs: number): readonly Loss[] {
    return this.lost
      .map(({ setid, count, atMs }) => ({ setid, count, ageMs: this.nowMs - atMs }))
      .filter(({ ageMs }) => ageMs < windowMs);
  }

  #commit(plan: CommitOptions): { generation: number; committedAtMs: number } {
    if (plan.epoch !== this.epoch) throw new DeposedError(plan.epoch, this.epoch);
    if (plan.base !== this.tableGeneration) throw new StoreConflictError('moved');
    this.commits.push(plan);
    for (const { setid, since } of plan.overrides) this.used.set(setid, since);
    for (const [setid, count] of plan.losses) this.lost.push({ setid, count, atMs: this.nowMs });
    const floor = Math.max(plan.floor ?? 0, plan.base);
    if (plan.changes.length > 0 || floor > plan.base) {
      this.tableGeneration = floor + 1;
      this.setHashes = plan.setHashes;
    }
    const rows = new Map(this.table.map((row) => [rowKey(row), row] as const));
    this.table = [...applyChanges(rows, plan.changes).values()];
    const generation = this.tableGeneration;
    this.audit.push(...plan.audit.map((change) => ({ id: change.traceId, generation })));
    return { generation, committedAtMs: NOW_MS + this.nowMs };
  }

  #call<T>(name: string, work: () => T): T {
    const error = this.failures.get(name)?.shift();
    if (error !== undefined) throw error;
    return work();
  }
}
