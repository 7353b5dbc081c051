/** What the views of one registry tell of themselves, for metrics. */
export interface ViewStats {
  readonly views: number;
  /** Mirrored, all views together. */
  readonly znodes: number;
  /** That cannot be read or listed. */
  readonly unreadable: number;
  /** Since when the view that is stale for longest is stale, wall clock in ms; null while all are fresh. */
  readonly staleSinceMs: number | null;
  /** Grows with every change of any of them. */
  readonly revision: number;
  /** How often a tree was seen to be wiped. */
  readonly wipes: number;
  /** Comparisons with the server that came to their end, and what they found. */
  readonly audits: number;
  readonly auditDifferences: number;
}

export interface StatsSource {
  stats(): Omit<ViewStats, 'views'>;
}

/** A view that its registry knows of, from its opening to its closing. */
export interface OpenView extends StatsSource {
  close(): void;
}

/** Adds up what several views tell. Pure. */
export function totalOf(sources: Iterable<StatsSource>): ViewStats {
  const all = [...sources].map((source) => source.stats());
  const sum = (of: (one: Omit<ViewStats, 'views'>) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  const since = all.flatMap(({ staleSinceMs }) => staleSinceMs ?? []);
  return {
    views: all.length,
    znodes: sum(({ znodes }) => znodes),
    unreadable: sum(({ unreadable }) => unreadable),
    staleSinceMs: since.length === 0 ? null : Math.min(...since),
    revision: sum(({ revision }) => revision),
    wipes: sum(({ wipes }) => wipes),
    audits: sum(({ audits }) => audits),
    auditDifferences: sum(({ auditDifferences }) => auditDifferences),
  };
}
