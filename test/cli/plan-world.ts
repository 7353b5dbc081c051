import type { OperatorData } from '../../src/cli/operator-data.js';
import type { GenerationRecord, NodeRecord, WitnessedRecord } from '../../src/topology/node.js';
import type { DispatcherRow } from '../../src/topology/dispatcher-row.js';
import * as p from './support.js';

export const media = (n: number, part: Partial<NodeRecord> = {}): NodeRecord =>
  p.node('media', `media-${n}`, `10.0.3.${n}`, { weight: 100, ...part });
export const mediaRow = (n: number, flags = 8): DispatcherRow =>
  p.row(30, `media-${n}`, `10.0.3.${n}`, flags);
const DISPATCHERS = [p.DISP1, p.DISP2].map((one) => ({ ...one, weight: 100 }));
const DISPATCHER_ROWS = [p.row(10, 'disp-1', '10.0.2.1'), p.row(10, 'disp-2', '10.0.2.2')];

export interface World {
  readonly media?: readonly NodeRecord[];
  readonly rows?: readonly DispatcherRow[];
  readonly leads?: boolean;
  readonly more?: Parameters<typeof p.topology>[0];
}

/** Two dispatchers and the media nodes and rows given; the load-balancer has no row, its set no reader. */
export function world({
  media: nodes = [],
  rows = [],
  leads = true,
  more = {},
}: World): OperatorData {
  const candidates = leads ? ['rec-2', 'rec-1'] : [];
  return p.fakeData({
    readTopology: async () =>
      p.topology({ nodes: [...DISPATCHERS, ...nodes], candidates, ...more }),
    readTable: async () => [...DISPATCHER_ROWS, ...rows],
  });
}

export function vanished(
  n: number,
  finding: WitnessedRecord['finding'],
  sinceMs = p.NOW - 5_000,
): WitnessedRecord {
  return { nodeId: `media-${n}`, finding, destination: `sip:10.0.3.${n}:5060`, sinceMs };
}

export function witnessed(...nodes: readonly WitnessedRecord[]): GenerationRecord {
  return { ...p.GENERATION, witnessed: { counts: {}, nodes } };
}

export const QUIET = world({ media: [media(1)], rows: [mediaRow(1)] });

/** Seven media nodes; three vanished and do not answer: one may go, the others are too many at once. */
export const SILENT = world({
  media: [1, 2, 3, 4].map((n) => media(n)),
  rows: [1, 2, 3, 4, 5, 6, 7].map((n) => mediaRow(n)),
  more: {
    generation: witnessed(vanished(5, 'silent'), vanished(6, 'silent'), vanished(7, 'silent')),
  },
});
