/** What `carna lab bench --only` may name. Loads nothing: for help and completion. */
export const BENCH_PARTS = [
  'plan',
  'cold-start',
  'idle',
  'kills',
  'drain',
  'baseline',
  'churn',
  'agents',
] as const;

export type BenchPart = (typeof BENCH_PARTS)[number];
