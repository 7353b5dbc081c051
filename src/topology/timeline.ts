import type { NodeState } from './node.js';

/** One committed change as the change log holds it. All times are wall clock in ms, each of the host that noted it. */
export interface ChangeRow {
  /** Ascending in the order of commits. */
  readonly id: number;
  readonly traceId: string;
  readonly generation: number;
  readonly nodeId: string;
  readonly from: NodeState | 'gone';
  readonly to: NodeState | 'gone';
  readonly cause: string;
  readonly actor: string;
  /** The rows it changed; `from` null = inserted, `to` null = deleted, else flags. */
  readonly rows: readonly {
    readonly setid: number;
    readonly destination: string;
    readonly from: number | null;
    readonly to: number | null;
  }[];
  /** Null: that stage is not known, or there was none (a node that fell silent published nothing). */
  readonly occurredAtMs: number | null;
  readonly noticedAtMs: number | null;
  readonly publishedAtMs: number | null;
  readonly seenAtMs: number;
  readonly committedAtMs: number;
  readonly live: readonly { readonly kamailio: string; readonly atMs: number }[];
}

/** How one change went through the chain; offsets are ms after `startMs`, negative when clocks differ. */
export interface TimelineEntry {
  readonly id: number;
  readonly traceId: string;
  readonly nodeId: string;
  readonly from: NodeState | 'gone';
  readonly to: NodeState | 'gone';
  readonly cause: string;
  readonly actor: string;
  /** Wall clock in ms: when it happened or, if nobody knows, the first stage that is known. */
  readonly startMs: number;
  readonly isStartExact: boolean;
  /** Null: there was no such stage. */
  readonly noticedMs: number | null;
  readonly publishedMs: number | null;
  readonly seenMs: number;
  readonly committedMs: number;
  readonly generation: number;
  /** One entry per set and change of flags. */
  readonly sets: readonly {
    readonly setid: number;
    readonly from: number | null;
    readonly to: number | null;
  }[];
  /** Proven by read-back, soonest first. */
  readonly live: readonly { readonly kamailio: string; readonly ms: number }[];
  /** When the last of them was proven; null while there is none. */
  readonly everywhereMs: number | null;
  /** A later stage carries an earlier time: the hosts' clocks differ by more than the chain took. */
  readonly isSkewed: boolean;
}

/** Derives the timeline of committed changes, in the order given. Pure. */
export function deriveTimeline(changes: readonly ChangeRow[]): TimelineEntry[] {
  return changes.map(timelineEntry);
}

function timelineEntry(change: ChangeRow): TimelineEntry {
  const startMs =
    change.occurredAtMs ?? change.noticedAtMs ?? change.publishedAtMs ?? change.seenAtMs;
  const after = (atMs: number): number => atMs - startMs;
  const live = change.live
    .map(({ kamailio, atMs }) => ({ kamailio, ms: after(atMs) }))
    .sort((a, b) => a.ms - b.ms || (a.kamailio < b.kamailio ? -1 : 1));
  const firstLive = live[0];
  const stages = [
    startMs,
    change.noticedAtMs,
    change.publishedAtMs,
    change.seenAtMs,
    change.committedAtMs,
    ...(firstLive === undefined ? [] : [startMs + firstLive.ms]),
  ].filter((atMs) => atMs !== null);
  return {
    id: change.id,
    traceId: change.traceId,
    nodeId: change.nodeId,
    from: change.from,
    to: change.to,
    cause: change.cause,
    actor: change.actor,
    startMs,
    isStartExact: change.occurredAtMs !== null,
    noticedMs: change.noticedAtMs === null ? null : after(change.noticedAtMs),
    publishedMs: change.publishedAtMs === null ? null : after(change.publishedAtMs),
    seenMs: after(change.seenAtMs),
    committedMs: after(change.committedAtMs),
    generation: change.generation,
    sets: changedSets(change),
    live,
    everywhereMs: live.at(-1)?.ms ?? null,
    isSkewed: stages.some((atMs, i) => atMs < (stages[i - 1] ?? atMs)),
  };
}

function changedSets(change: ChangeRow): TimelineEntry['sets'] {
  const sets = new Map<string, TimelineEntry['sets'][number]>();
  for (const { setid, from, to } of change.rows) {
    sets.set(`${setid} ${from} ${to}`, { setid, from, to });
  }
  return [...sets.values()].sort((a, b) => a.setid - b.setid);
}
