import type { Member } from '../../marathon/scale/member.js';
import { describeRow, isSelectable } from '../../topology/dispatcher-row.js';
import type { NodeRecord } from '../../topology/node.js';
import { deriveTopologyView } from '../../topology/view.js';
import { DEFAULT_WIRING } from '../../topology/wiring.js';
import { countProofs } from '../drain-progress.js';
import { printable } from '../render/colour.js';
import { plural } from '../render/units.js';
import type { Picture } from './picture.js';
import type { ScaleStep } from './scale-json.js';

/** How far a task has come on its way to taking calls. */
export interface Arrival {
  readonly step: Extract<ScaleStep, 'task' | 'registered' | 'up' | 'row' | 'listed' | 'draining'>;
  readonly text: string;
  /** Nothing more is waited for: it takes calls on every Kamailio, or somebody wants it drained. */
  readonly isThere: boolean;
}

/** Tells how far a task is. Pure. */
export function deriveArrival(member: Member, picture: Picture, nowMs: number): Arrival {
  const { nodeId, record, intent, taskState, host } = member;
  if (record === null) {
    const text = `${nodeId}: ${taskState} on ${printable(host)}, its agent has not announced itself yet`;
    return { step: 'task', text, isThere: false };
  }
  if (intent !== null) {
    const why = intent.why === '' ? '' : ` (${printable(intent.why)})`;
    const text = `${nodeId} is to drain, asked by ${printable(intent.by)}${why}; undo: carna undrain ${nodeId}`;
    return { step: 'draining', text, isThere: true };
  }
  if (record.state !== 'up') {
    const text = `${nodeId} on ${printable(host)} is ${record.state}: ${printable(record.reason)}`;
    return { step: 'registered', text, isThere: false };
  }
  return listing(record, picture, nowMs);
}

function listing(record: NodeRecord, picture: Picture, nowMs: number): Arrival {
  const { nodeId } = record;
  const { proven, consumers, consumerRole } = countProofs(
    record,
    'up',
    picture.topology,
    DEFAULT_WIRING,
  );
  const of = plural(consumers, consumerRole ?? 'Kamailio');
  if (proven >= consumers || isProvenByRows(record, picture, nowMs)) {
    const text =
      consumers === 0
        ? `${nodeId} is up; no Kamailio has to list it`
        : `${nodeId} takes calls: on the list of ${consumers}/${of}`;
    return { step: 'listed', text, isThere: true };
  }
  const setids = rowsOf(nodeId, picture).map((row) => row.setid);
  if (setids.length === 0) {
    return { step: 'up', text: `${nodeId} is up, not in the table yet`, isThere: false };
  }
  const text = `${nodeId} is up, in set ${setids.join(', ')}, on the list of ${proven}/${of}`;
  return { step: 'row', text, isThere: false };
}

/** Nobody can tell whether its row is listed: the leader no longer names the change, and the table is unknown. Pure. */
export function isUnprovable(record: NodeRecord, { topology, rows }: Picture): boolean {
  const traces = topology.generation?.traces ?? [];
  return rows === null && !traces.some(({ id }) => id === record.trace.id);
}

/** The leader tells only its latest changes: an older one is proven when the whole set is. */
function isProvenByRows(record: NodeRecord, picture: Picture, nowMs: number): boolean {
  const { topology, rows } = picture;
  if (!rowsOf(record.nodeId, picture).some((row) => isSelectable(row.flags))) return false;
  const view = deriveTopologyView({ ...topology, rows, wiring: DEFAULT_WIRING, nowMs });
  const sets = view.roles.find(({ role }) => role === record.role)?.sets ?? [];
  return sets.every((set) => set.proven === set.consumers);
}

function rowsOf(nodeId: string, { rows }: Picture): NonNullable<Picture['rows']> {
  return (rows ?? []).filter((row) => row.description === describeRow(nodeId));
}
