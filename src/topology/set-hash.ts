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

/** The hash in four words of 16 bits: a set of 10,000 rows is hashed at each change, and BigInt is ten times slower. */
function fnv1a64(text: string): string {
  let [w0, w1, w2, w3] = [0x2325, 0x8422, 0x9ce4, 0xcbf2];
  for (const byte of new TextEncoder().encode(text)) {
    w0 ^= byte;
    // Times 0x100000001b3: the low factor 0x1b3, and 2^40 which moves word 0 into words 2 and 3.
    const p0 = w0 * 0x1b3;
    const p1 = w1 * 0x1b3 + (p0 >>> 16);
    const p2 = w2 * 0x1b3 + w0 * 0x100 + (p1 >>> 16);
    const p3 = w3 * 0x1b3 + w1 * 0x100 + (p2 >>> 16);
    w0 = p0 & 0xffff;
    w1 = p1 & 0xffff;
    w2 = p2 & 0xffff;
    w3 = p3 & 0xffff;
  }
  return [w3, w2, w1, w0].map((word) => word.toString(16).padStart(4, '0')).join('');
}
