import type { DispatcherRow } from './dispatcher-row.js';

/**
 * Hash of what a set administratively holds: which destinations, enabled or disabled, priority and
 * attributes. What a Kamailio found by its own probing (inactive, trying) is left out on purpose, so
 * that table and live list of a healthy platform have equal hashes.
 *
 * 16 hex digits (FNV-1a, 64 bit): tells equal from unequal, no protection against intent. Pure;
 * the order of the rows does not matter.
 */
export function setHash(
  rows: readonly Pick<DispatcherRow, 'destination' | 'flags' | 'priority' | 'attrs'>[],
): string {
  const lines = rows
    .map(
      (r) =>
        `${r.destination}|${(r.flags & 4) !== 0 ? 'disabled' : 'enabled'}|${r.priority}|${r.attrs}`,
    )
    .sort();
  return fnv1a64(lines.join('\n'));
}

function fnv1a64(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}
