import type { CliConfig } from '../config/cli.js';
import type { RowChange } from '../topology/diff-rows.js';
import type { DispatcherRow } from '../topology/dispatcher-row.js';
import { isLostHold } from '../topology/held.js';
import { DEFAULT_WIRING } from '../topology/wiring.js';
import type { Wiring, WiringRule } from '../topology/wiring.js';
import type { PlanJson } from './json-shapes.js';
import { JSON_SCHEMA } from './json-shapes.js';
import type { TopologyData } from './operator-data.js';
import type { PlannedChange, PlanOutlook } from './plan-outlook.js';
import { ASSUMED, changeReason } from './plan-words.js';

/** The outlook with everything that is shown of it, as `--json` and the text tell it. Pure. */
export function planJson(
  outlook: PlanOutlook,
  topology: TopologyData,
  { cluster, dc }: Pick<CliConfig, 'cluster' | 'dc'>,
  wiring: { readonly file: string | null; readonly rules: Wiring },
): PlanJson {
  const { asOfMs, isFresh, candidates, generation } = topology;
  const { changes, waiting, untold, refused, conflicts, foreign, assumed } = outlook;
  const where = { schema: JSON_SCHEMA, cluster, dc, asOfMs, isFresh } as const;
  const passing = changes.filter(({ heldBy }) => heldBy === null).length;
  const named = changes.length - passing;
  const told = outlook.held.reduce((sum, one) => sum + (isLostHold(one) ? 0 : one.count), 0);
  return {
    ...where,
    generation: generation?.generation ?? null,
    leader: candidates[0] ?? null,
    wiring: wiring.file,
    wiringChanges: wiring.file === null ? [] : compareWirings(DEFAULT_WIRING, wiring.rules),
    passing,
    held: Math.max(named, told),
    changes: changes.map((change) => changeJson(change, topology)),
    holds: outlook.held,
    waiting,
    untold,
    refused: refused.map(({ row: { setid, destination }, why }) => ({ setid, destination, why })),
    conflicts,
    foreign: foreign.map(({ row: { setid, destination }, nodeId }) => ({
      setid,
      destination,
      nodeId,
    })),
    assumed: assumed.map((what) => ({ what, text: ASSUMED[what] })),
  };
}

function changeJson(planned: PlannedChange, topology: TopologyData): PlanJson['changes'][number] {
  const { change, nodeId, why, heldBy } = planned;
  const { setid, destination } = change.row;
  return {
    kind: change.kind,
    setid,
    destination,
    nodeId,
    why,
    reason: changeReason(planned, topology),
    before: change.kind === 'insert' ? null : columnsOf(beforeOf(change)),
    after: change.kind === 'delete' ? null : columnsOf(change.row),
    heldBy,
  };
}

function beforeOf(change: RowChange): DispatcherRow {
  return change.kind === 'update' ? change.before : change.row;
}

function columnsOf({ flags, priority, attrs, description }: DispatcherRow) {
  return { flags, priority, attrs, description };
}

/** The rules that one has and the other has not. */
function compareWirings(before: Wiring, after: Wiring): PlanJson['wiringChanges'] {
  const has = (wiring: Wiring, one: WiringRule): boolean =>
    wiring.some(
      (r) =>
        r.consumer === one.consumer &&
        r.target === one.target &&
        r.setid === one.setid &&
        r.remote === one.remote,
    );
  const removed = before.filter((rule) => !has(after, rule));
  const added = after.filter((rule) => !has(before, rule));
  return [
    ...removed.map((rule) => ({ did: 'removed' as const, ...rule })),
    ...added.map((rule) => ({ did: 'added' as const, ...rule })),
  ];
}
