import type { CliConfig } from '../../config/cli.js';
import type { TopologyView } from '../../topology/view.js';
import type { TopologyData } from '../operator-data.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapSegments } from './layout.js';
import { formatDuration, groupNumber } from './units.js';

/** Where we look and how old it is; the first line of the snapshots. Stale data says so in words and colour. */
export function headline(
  config: Pick<CliConfig, 'cluster' | 'dc' | 'labDir'>,
  data: Pick<TopologyData, 'leader' | 'asOfMs' | 'isFresh'>,
  view: Pick<TopologyView, 'generation' | 'consumers' | 'proven'>,
  paint: Painter,
  nowMs: number,
  width: number,
): string[] {
  const where = config.labDir === null ? config.cluster : `${config.cluster} (lab)`;
  const segments = [paint.bold(where), config.dc, tableSegment(view, paint)];
  if (data.leader !== null) {
    const epoch = view.generation === null ? '' : ` (epoch ${view.generation.epoch})`;
    segments.push(`leader ${printable(data.leader)}${epoch}`);
  }
  segments.push(ageSegment(data, paint, nowMs));
  return wrapSegments(segments, width, ' · ');
}

function tableSegment(
  view: Pick<TopologyView, 'generation' | 'consumers' | 'proven'>,
  paint: Painter,
): string {
  if (view.generation === null) return paint.bad('no generation committed yet');
  const text = `generation ${groupNumber(view.generation.generation)}, proven on ${view.proven} of ${view.consumers} Kamailios`;
  return view.proven === view.consumers ? text : paint.warn(text);
}

/** `data 0.3 s old`, or in red that it is the last known. */
export function ageSegment(
  data: Pick<TopologyData, 'asOfMs' | 'isFresh'>,
  paint: Painter,
  nowMs: number,
): string {
  const age = formatDuration(nowMs - data.asOfMs);
  if (data.isFresh) return `data ${age} old`;
  return paint.bad(`STALE: ZooKeeper is away, this is ${age} old`);
}
