import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import { describeRow, rowKey } from '../../src/topology/dispatcher-row.js';
import { isLostHold } from '../../src/topology/held.js';
import { hashSets } from '../../src/topology/plan-pass.js';
import type { AppliedRecord, GenerationRecord, NodeRecord } from '../../src/topology/node.js';
import { DEFAULT_WIRING, setsListing } from '../../src/topology/wiring.js';
import type { Kamailio } from './kamailio.js';
import type { SimNode, World } from './world.js';
import { DC_ROOT } from './world.js';

/** Rows of somebody else, there from the beginning. */
export const FOREIGN_ROW: DispatcherRow = {
  setid: 40,
  destination: 'sip:198.51.100.9:5060',
  flags: 8,
  priority: 0,
  attrs: '',
  description: 'by hand',
};

/**
 * Why the platform is not yet as it should be, null when it is: registry, table, lists and
 * acknowledgements as they follow from who lives and what operators want.
 */
export function whyUnsettled(world: World): string | null {
  if (world.operator.actor !== null) return 'an operator is at work';
  return (
    whyRecordsDiffer(world) ??
    whyTableDiffers(world) ??
    whyZnodeDiffers(world) ??
    whyListsDiffer(world)
  );
}

function znodes<T>(world: World, folder: string): Map<string, T> {
  const prefix = `${DC_ROOT}/${folder}`;
  const found = new Map<string, T>();
  for (const [path, { data }] of world.zookeeper.tree) {
    if (!path.startsWith(prefix) || data === null) continue;
    found.set(path.slice(prefix.length), JSON.parse(data.toString()) as T);
  }
  return found;
}

function whyRecordsDiffer(world: World): string | null {
  const records = znodes<NodeRecord>(world, 'nodes/');
  for (const node of world.nodes) {
    const own = [...records.values()].filter(({ nodeId }) => nodeId === node.nodeId);
    const wanted = node.fate === 'stays' ? 1 : 0;
    if (own.length !== wanted) return `${own.length} znodes of ${node.nodeId}, not ${wanted}`;
    if (wanted === 1 && own[0]?.state !== 'up') return `${node.nodeId} says ${own[0]?.state}`;
  }
  return null;
}

/**
 * The sets without a row that the leader holds since PostgreSQL lost them, as far as it is right: nobody who stays
 * and is wanted could be their first. Whoever has a list of them keeps it.
 */
function lostSets(world: World): ReadonlySet<number> {
  const intents = znodes<unknown>(world, 'intents/');
  const { held = [] } = znodes<GenerationRecord>(world, 'generation').get('') ?? {};
  const fillers = world.nodes.filter(
    ({ nodeId, fate }) => fate === 'stays' && !intents.has(nodeId),
  );
  const filled = new Set(fillers.flatMap(({ role }) => setsListing(DEFAULT_WIRING, role)));
  const lost = held.filter(isLostHold).map(({ setid }) => setid);
  return new Set(lost.filter((setid) => !filled.has(setid)));
}

/**
 * Flags of a node's row as they should be, null for none, undefined when both would do: the row of a lost node stays
 * where it is the last one, since operators drained all others.
 */
function flagsOf(node: SimNode, isOut: boolean, mayBeLast: boolean): number | null | undefined {
  switch (node.fate) {
    case 'stays':
      return isOut ? 4 : 8;
    case 'left':
      return isOut ? undefined : null;
    case 'lost':
      return isOut || mayBeLast ? undefined : null;
    case 'orphan':
      return isOut ? undefined : 8;
  }
}

function whyTableDiffers(world: World): string | null {
  const intents = znodes<unknown>(world, 'intents/');
  const { rows } = world.postgres;
  const lost = lostSets(world);
  const known = new Set([rowKey(FOREIGN_ROW)]);
  const fillers = world.nodes.filter(
    ({ nodeId, fate }) => (fate === 'stays' || fate === 'orphan') && !intents.has(nodeId),
  );
  const filled = new Set(fillers.flatMap(({ role }) => setsListing(DEFAULT_WIRING, role)));
  for (const node of world.nodes) {
    for (const setid of setsListing(DEFAULT_WIRING, node.role)) {
      const isOut = intents.has(node.nodeId);
      const wanted = lost.has(setid) ? null : flagsOf(node, isOut, !filled.has(setid));
      const key = rowKey({ setid, destination: node.destination });
      const row = rows.get(key);
      const isOwn = row?.description === describeRow(node.nodeId);
      if (isOwn) known.add(key);
      if (wanted === undefined || (isOwn ? row.flags : null) === wanted) continue;
      if (node.fate === 'orphan' && !isOwn) continue; // It had no row when its agent went.
      return `the row of ${node.nodeId} (${node.fate}) is ${isOwn ? row.flags : 'absent'}, not ${wanted}`;
    }
  }
  if (!rows.has(rowKey(FOREIGN_ROW))) return 'the row of somebody else is gone';
  const stray = [...rows.keys()].find((key) => !known.has(key));
  return stray === undefined ? null : `a row of nobody: ${stray}`;
}

function whyZnodeDiffers(world: World): string | null {
  const record = znodes<GenerationRecord>(world, 'generation').get('');
  const { generation, rows, epoch } = world.postgres;
  if (record?.generation !== generation) {
    return `the znode tells generation ${record?.generation}, the table has ${generation}`;
  }
  // Somebody who was deposed may have taken an epoch later; whoever leads finds out with the next commit.
  if (record.epoch > epoch) return `the znode tells epoch ${record.epoch}, ${epoch} was taken`;
  const hashes = hashSets(rows.values());
  const sets = [...new Set([...Object.keys(hashes), ...Object.keys(record.sets)])];
  const lost = lostSets(world);
  const toldOf = (setid: string): string | undefined =>
    lost.has(Number(setid)) ? undefined : record.sets[setid];
  const other = sets.find((setid) => hashes[setid] !== toldOf(setid));
  return other === undefined ? null : `the znode tells another hash of set ${other}`;
}

function whyListsDiffer(world: World): string | null {
  const applied = znodes<AppliedRecord>(world, 'applied/');
  const lost = lostSets(world);
  for (const node of world.nodes) {
    const { kamailio } = node;
    if (kamailio?.isRunning !== true || node.fate !== 'stays') continue;
    const records = [...applied.values()].filter(({ nodeId }) => nodeId === node.nodeId);
    if (records.length !== 1) return `${records.length} acknowledgements of ${node.nodeId}`;
    const kept = kamailio.list.find(({ setid }) => lost.has(setid))?.setid;
    if (kept !== undefined) {
      if (records[0]?.drift?.includes(`set ${kept} kept`) === true) continue;
      return `${node.nodeId} does not say that it keeps set ${kept}`;
    }
    const why = whyListDiffers(world, kamailio);
    if (why !== null) return why;
    const { generation } = world.postgres;
    if (records[0]?.generation !== generation || records[0].drift !== null) {
      return `${node.nodeId} acknowledged ${records[0]?.generation} (${records[0]?.drift}), not ${generation}`;
    }
  }
  return null;
}

function whyListDiffers(world: World, { name, list, deps }: Kamailio): string | null {
  const rows = world.postgres.readTable(deps.setids).rows;
  if (list.length !== rows.length) return `${name} holds ${list.length} of ${rows.length} rows`;
  for (const row of rows) {
    const live = list.find((d) => d.setid === row.setid && d.destination === row.destination);
    if (live === undefined) return `${name} lacks ${rowKey(row)}`;
    if (live.attrs !== row.attrs) return `${name} has ${rowKey(row)} with ${live.attrs}`;
    const answers = world.sip.reaches(name, row.destination);
    const wanted = (row.flags & 4) !== 0 ? 'D' : answers ? 'A' : 'I';
    if (!live.letters.startsWith(wanted))
      return `${name} has ${rowKey(row)} ${live.letters}, not ${wanted}`;
  }
  return null;
}
