import type { DispatcherRow } from '../topology/dispatcher-row.js';
import type { LiveDestination } from '../topology/live-destination.js';
import type {
  AppliedRecord,
  GenerationRecord,
  IntentRecord,
  NodeRecord,
} from '../topology/node.js';

/** What the agent asks of a running Kamailio; every call has its own deadline and throws a CarnaError. */
export interface KamailioRpc {
  /** Empty when Kamailio has no set at all. */
  readDispatcherList(): Promise<readonly LiveDestination[]>;
  setDispatcherState(state: string, setid: number, destination: string): Promise<void>;
  /** The answer tells nothing of the list (only `readDispatcherList` does). */
  reloadDispatcher(): Promise<ReloadAnswer>;
  /** `tm.stats`: transactions held, and of them those that only absorb retransmissions. */
  readTmStats(): Promise<{ readonly current: number; readonly waiting: number }>;
  readUptimeSeconds(): Promise<number>;
  /** Sets a `$shv(name)` of the script. */
  setSharedVariable(name: string, value: number): Promise<void>;
  /** Dialogs in progress; null where Kamailio does not track them. */
  countDialogs?(): Promise<number | null>;
  /** `core.shmmem`. */
  readMemory?(): Promise<KamailioMemory>;
  /** `dispatcher.ping_active`: its own pings are transactions too and would hide that no call is left. */
  setDispatcherPinging?(isOn: boolean): Promise<void>;
}

/** Kamailio's shared memory. */
export interface KamailioMemory {
  /** 0 to 1. */
  readonly usedShare: number;
  readonly freeMib: number;
}

export type ReloadAnswer =
  | { readonly kind: 'ok' }
  | { readonly kind: 'too-early' }
  | { readonly kind: 'failed'; readonly text: string };

/** One connection to one life of a FreeSWITCH; every call has its own deadline and throws a CarnaError. */
export interface EslPort {
  status(): Promise<EslStatus>;
  isProfileRunning(name: string): Promise<boolean>;
  isInboundPaused(): Promise<boolean>;
  isShuttingDown(): Promise<boolean>;
  countChannels(): Promise<number>;
  /** New at every start of FreeSWITCH. */
  coreUuid(): Promise<string>;
  pauseInbound(): Promise<void>;
  resumeInbound(): Promise<void>;
  /** Asks it to end as soon as no call is left; resolves when asked. */
  shutdownAsap(): Promise<void>;
  /** Subscribes to HEARTBEAT, to be asked for once; resolves when FreeSWITCH agreed. */
  onHeartbeat(listener: (news: HeartbeatNews) => void): Promise<void>;
  /** Ends the connection; `closed` resolves. Never throws, also when called twice. */
  close(): Promise<void>;
  /** Resolves, with the reason, when the connection is over. Never rejects. */
  readonly closed: Promise<string>;
}

export interface EslStatus {
  readonly ready: boolean;
  readonly active: number;
  readonly limit: number;
}

/** A HEARTBEAT event: what it says, or why it was refused. */
export type HeartbeatNews =
  | {
      readonly kind: 'beat';
      /** New sessions in the last full second. */
      readonly ratePerSecond: number;
      readonly idleCpuPercent: number;
    }
  | { readonly kind: 'refused'; readonly why: string };

/** Sends one SIP OPTIONS and waits for its final reply. Never rejects. */
export type OptionsPing = (timeoutMs: number) => Promise<OptionsResult>;

export type OptionsResult =
  | { readonly kind: 'answered'; readonly status: number; readonly latencyMs: number }
  | {
      readonly kind: 'silent';
      readonly reason: string;
      /** It could not be asked from here: nothing is known of the server. */
      readonly isLocal: boolean;
    };

/** Keeps one ephemeral znode equal to a record, across connections and sessions. */
export interface Publication<T> {
  /** Synchronous: the write begins in this tick when connected, else at the reconnect. null deletes. */
  set(record: T | null): void;
  /** True when the last `set` is known to be written; false when `timeoutMs` passes first. */
  settled(timeoutMs: number): Promise<boolean>;
}

export type NodePublication = Publication<NodeRecord>;
export type AppliedPublication = Publication<AppliedRecord>;

/** What the agent sees of the registry: the last known values, also while disconnected. */
export interface AgentView {
  generation(): GenerationRecord | null;
  /** The operator's will for this node. */
  intent(): IntentRecord | null;
  /** By node id; null while not followed, and until all of them were read since. */
  applied(): ReadonlyMap<string, AppliedRecord> | null;
  /** False while disconnected or before the first full read. */
  isFresh(): boolean;
  /** Both may be called twice. */
  watchApplied(): void;
  unwatchApplied(): void;
  /** Calls `listener` after every change; gives the function that ends it. */
  subscribe(listener: () => void): () => void;
}

/** The rows of some sets and the table's generation, read in one snapshot. */
export interface DispatcherTable {
  readTable(setids: readonly number[]): Promise<{
    readonly generation: number;
    readonly rows: readonly DispatcherRow[];
  }>;
}

/** Merges wake-ups (util/doorbell.ts is the real one). */
export interface Bell {
  ring(): void;
  /** Resolves when rung, after `ms`, or when `signal` aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Time and chance, given by the composition root; tests give their own. */
export interface Timekeeper {
  readonly wallMs: () => number;
  readonly monoMs: () => number;
  readonly random: () => number;
  /** Resolves after `ms` or when `signal` aborts. Never rejects. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly newBell: () => Bell;
}
