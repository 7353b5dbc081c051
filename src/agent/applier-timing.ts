export interface ApplierTiming {
  /** A lost notice is healed after this long. */
  readonly resyncMs: number;
  /** From one reload to the next, whatever happens. */
  readonly reloadGapMs: number;
  /** Pauses after a failed pass, and between reloads that did not help. */
  readonly retry: { readonly minMs: number; readonly maxMs: number };
}

export const DEFAULT_APPLIER_TIMING: ApplierTiming = {
  resyncMs: 30_000,
  reloadGapMs: 1_000,
  retry: { minMs: 200, maxMs: 10_000 },
};
