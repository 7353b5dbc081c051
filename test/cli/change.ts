import type { ChangeRow } from '../../src/topology/timeline.js';
import { NOW } from './support.js';

export { NOW };

/** A media node was killed at NOW. */
export const CHANGE: ChangeRow = {
  id: 7,
  traceId: 'trace-7',
  generation: 1843,
  nodeId: 'media-2',
  from: 'up',
  to: 'down',
  cause: 'its process was killed (SIGKILL)',
  actor: 'agent',
  rows: [{ setid: 30, destination: 'sip:10.0.3.2:5060', from: 8, to: 4 }],
  occurredAtMs: NOW,
  noticedAtMs: NOW + 3,
  publishedAtMs: NOW + 6,
  seenAtMs: NOW + 9,
  committedAtMs: NOW + 14,
  live: [
    { kamailio: 'disp-2', atMs: NOW + 22 },
    { kamailio: 'disp-1', atMs: NOW + 17 },
  ],
};
