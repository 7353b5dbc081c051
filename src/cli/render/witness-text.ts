import type { WitnessedRecord, WitnessFinding, WitnessReport } from '../../topology/node.js';
import { WITNESS_FINDINGS } from '../../topology/node.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { formatDuration, groupNumber, plural } from './units.js';

const MAX_SHOWN = 10;

interface Words {
  readonly head: string;
  readonly means: string;
  readonly next: string;
}

const WORDS: Readonly<Record<WitnessFinding, Words>> = {
  unsupervised: {
    head: 'unsupervised',
    means: 'the agent vanished, the server answers SIP: the row is kept and calls go on',
    next: 'start the agent again; nothing watches the server meanwhile',
  },
  silent: {
    head: 'vanished and silent',
    means:
      'the agent vanished and the server does not answer SIP: inactive, the row goes after the limbo',
    next: 'nothing, if the host is gone; else start the agent again',
  },
  unasked: {
    head: 'vanished, not asked yet',
    means: 'the agent vanished and the reconciler could not ask the server yet: nothing changes',
    next: 'carna guard, in a moment',
  },
  disagreed: {
    head: 'agent and witness disagree',
    means:
      "the agent says up, the server does not answer the reconciler: inactive until a Kamailio's own OPTIONS succeed",
    next: 'look for a firewall or a missing route between the reconciler and the server; carna dispatcher',
  },
};

/** What the reconciler's own OPTIONS found where it differs from the agents' word. Empty when it does not. Pure. */
export function witnessText(
  report: WitnessReport | undefined,
  paint: Painter,
  nowMs: number,
): string[] {
  return WITNESS_FINDINGS.flatMap((finding) => {
    const count = report?.counts[finding] ?? 0;
    const nodes = (report?.nodes ?? []).filter((node) => node.finding === finding);
    return count === 0 ? [] : findingLines(WORDS[finding], count, nodes, paint, nowMs);
  });
}

function findingLines(
  { head, means, next }: Words,
  count: number,
  nodes: readonly WitnessedRecord[],
  paint: Painter,
  nowMs: number,
): string[] {
  const shown = nodes.slice(0, MAX_SHOWN);
  const more = count - shown.length;
  return [
    '',
    `${paint.warn(`? ${head}`)}: ${plural(count, 'node')}`,
    ...shown.map(
      ({ nodeId, destination, sinceMs }) =>
        `   ${printable(nodeId)}  ${printable(destination)}  for ${formatDuration(nowMs - sinceMs)}`,
    ),
    ...(more > 0 ? [`   and ${groupNumber(more)} more`] : []),
    `   means  ${means}`,
    `   next   ${next}`,
  ];
}
