/** What we know to stand in ZooKeeper. `isCertain` is false after a write whose answer was lost. */
export interface Standing {
  readonly path: string;
  readonly zkSessionId: bigint;
  readonly data: Buffer | null;
  readonly isCertain: boolean;
}

export type PublicationStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'look'; readonly standing: Standing }
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer }
  | { readonly kind: 'write'; readonly standing: Standing; readonly data: Buffer }
  | { readonly kind: 'remove'; readonly path: string };

/**
 * The one thing to do next so that `wanted` (null: no znode) stands at `path` and nothing else of ours
 * does. `outdated` are znodes of earlier incarnations: they go once the present one stands. Pure.
 */
export function nextStep(
  wanted: Buffer | null,
  standing: Standing | null,
  path: string,
  outdated: ReadonlySet<string>,
): PublicationStep {
  if (standing !== null && !standing.isCertain) return { kind: 'look', standing };
  const [leftover] = outdated;
  if (wanted === null) return removal(standing?.path ?? leftover);
  if (standing?.path !== path) return { kind: 'create', path, data: wanted };
  if (!isHolding(standing, wanted)) return { kind: 'write', standing, data: wanted };
  return removal(leftover);
}

/** The znode stands with these bytes, for certain. */
export function isHolding(standing: Standing, wanted: Buffer): boolean {
  return standing.isCertain && standing.data?.equals(wanted) === true;
}

function removal(path: string | undefined): PublicationStep {
  return path === undefined ? { kind: 'none' } : { kind: 'remove', path };
}
