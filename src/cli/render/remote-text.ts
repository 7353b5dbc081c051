import type { RemoteDcView, RemoteNodeView } from '../../topology/remote-view.js';
import { isSelectable } from '../../topology/dispatcher-row.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { wrapSegments } from './layout.js';
import { formatDuration } from './units.js';

/** One line for each other data centre: whether its nodes are read, since when, and what of it stands here. */
export function remoteLines(
  remotes: readonly RemoteDcView[],
  paint: Painter,
  nowMs: number,
  width: number,
): string[] {
  return remotes.flatMap(({ dc, link, sinceMs, nodes }) => {
    const age = formatDuration(Math.max(0, nowMs - (sinceMs ?? nowMs)));
    const words = {
      linked: paint.good(`● linked for ${age}`),
      stale: paint.bad(`? not read for ${age}: its last known rows stay`),
      unread: paint.bad(`? not read since the leader began, ${age} ago: its rows stay`),
      unwatched: paint.warn('? not read by the leader: its rows stay'),
    }[link];
    return wrapSegments([paint.bold(printable(dc)), words, ...counts(nodes)], width, '  ', '     ');
  });
}

/** `media: 2 of 3 active in set 130`, one a set. */
function counts(nodes: readonly RemoteNodeView[]): string[] {
  if (nodes.length === 0) return ['no node of it stands here'];
  return [...new Set(nodes.map(({ setid }) => setid))].map((setid) => {
    const here = nodes.filter((node) => node.setid === setid);
    const active = here.filter(({ flags }) => isSelectable(flags)).length;
    return `${here[0]?.role ?? ''}: ${active} of ${here.length} active in set ${setid}`;
  });
}
