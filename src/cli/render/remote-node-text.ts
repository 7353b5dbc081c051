import type { RemoteDcView } from '../../topology/remote-view.js';
import type { LiveList } from '../../topology/drift.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { flagsText } from './dispatcher-text.js';
import { remoteLines } from './remote-text.js';

/** What is known here of a node of another data centre: its row, who serves it, whether its own registry is read. */
export function remoteNodeText(
  remote: RemoteDcView,
  name: string,
  live: readonly LiveList[],
  canvas: { readonly paint: Painter; readonly nowMs: number; readonly width: number },
): string[] {
  const { paint, nowMs, width } = canvas;
  const rows = remote.nodes.filter((node) => node.name === name);
  const lines = rows.map(({ setid, destination, flags }) => {
    const letters = live.map((list) => {
      const found =
        'list' in list
          ? list.list.find((one) => one.setid === setid && one.destination === destination)
          : undefined;
      return `${list.nodeId} ${'list' in list ? (found?.letters ?? 'not listed') : '?'}`;
    });
    return `  row    set ${setid} ${printable(destination)}, ${flagsText(flags)}; live: ${letters.join(' · ')}`;
  });
  const word = name.slice(name.indexOf('/') + 1);
  return [
    `${printable(name)} is a node of ${printable(remote.dc)}: it takes calls from here when no ${rows[0]?.role ?? 'node'} of ours does.`,
    ...lines,
    ...remoteLines([remote], paint, nowMs, width).map((line) => `  ${line}`),
    `Its own chain is told there: carna explain ${printable(word)} with CARNA_DC=${printable(remote.dc)}`,
  ];
}
