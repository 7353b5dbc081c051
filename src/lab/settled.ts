import type { AppliedRecord, GenerationRecord, NodeRecord } from '../topology/node.js';
import { MAX_TRACES } from '../topology/node.js';
import { DEFAULT_WIRING, setsConsumedBy } from '../topology/wiring.js';

/** Told while no leader has committed anything. */
export const NO_GENERATION = 'the first generation';

/** What the registry shows at one moment. */
export interface RegistryPicture {
  readonly nodes: ReadonlyMap<string, { readonly record: NodeRecord }>;
  readonly applied: ReadonlyMap<string, AppliedRecord>;
  readonly generation: GenerationRecord | null;
}

/**
 * What still keeps the platform from being whole: each wanted node published as up, its last change
 * committed, and every Kamailio proven to run the sets of the committed generation. Empty = settled. Pure.
 */
export function unsettled(wanted: readonly string[], picture: RegistryPicture): string[] {
  const missing = wanted.filter((name) => picture.nodes.get(name)?.record.state !== 'up');
  const { generation } = picture;
  if (generation === null) return [...missing, NO_GENERATION];
  const pending = wanted.filter((name) => {
    const record = picture.nodes.get(name)?.record;
    return record?.state === 'up' && !isCommitted(record, generation);
  });
  const behind = [...picture.nodes.values()]
    .filter(({ record }) => record.kind === 'kamailio' && wanted.includes(record.nodeId))
    .filter(({ record }) => !isProven(record, picture.applied.get(record.nodeId), generation))
    .map(({ record }) => `the list of ${record.nodeId}`);
  return [...missing, ...pending.map((name) => `the commit of ${name}`), ...behind];
}

/** The record keeps the newest traces only: in a full one an old change is no longer named. */
function isCommitted(record: NodeRecord, generation: GenerationRecord): boolean {
  const { traces } = generation;
  return traces.length >= MAX_TRACES || traces.some((trace) => trace.id === record.trace.id);
}

function isProven(
  record: NodeRecord,
  applied: AppliedRecord | undefined,
  generation: GenerationRecord,
): boolean {
  const sets = setsConsumedBy(DEFAULT_WIRING, record.role).map(String);
  const wanted = sets.filter((set) => generation.sets[set] !== undefined);
  if (wanted.length === 0) return true;
  return (
    applied !== undefined &&
    applied.drift === null &&
    wanted.every((set) => applied.sets[set] === generation.sets[set])
  );
}
