import type { DispatcherRow } from './dispatcher-row.js';

type HashedRow = Pick<DispatcherRow, 'destination' | 'flags' | 'priority' | 'attrs'>;

/** 64 bits as two words of 32. */
interface Words {
  readonly high: number;
  readonly low: number;
}

/**
 * A row's own hash by its object: rows never change, and of a set of 10,000 all but one are the same
 * objects at each change.
 */
const KNOWN = new WeakMap<HashedRow, Words>();

/**
 * Hash of what a set administratively holds: which destinations, enabled or disabled, priority and
 * attributes. What a Kamailio found by its own probing (inactive, trying) is left out on purpose, so
 * that table and live list of a healthy platform have equal hashes.
 *
 * 16 hex digits: the sum of the rows' own hashes, so that their order does not matter and one changed
 * row costs one hash. Tells equal from unequal, no protection against intent. Pure.
 */
export function setHash(rows: readonly HashedRow[]): string {
  let high = 0;
  let low = 0;
  for (const row of rows) {
    const words = hashOf(row);
    const sum = low + words.low;
    low = sum >>> 0;
    high = (high + words.high + (sum > low ? 1 : 0)) >>> 0;
  }
  return hex(high) + hex(low);
}

function hashOf(row: HashedRow): Words {
  const known = KNOWN.get(row);
  if (known !== undefined) return known;
  const { destination, flags, priority, attrs } = row;
  const state = (flags & 4) !== 0 ? 'disabled' : 'enabled';
  const words = mixed(fnv1a64(`${destination}|${state}|${priority}|${attrs}`));
  KNOWN.set(row, words);
  return words;
}

/** FNV-1a in four words of 16 bits: BigInt is ten times slower. */
function fnv1a64(text: string): Words {
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
  return { high: ((w3 << 16) | w2) >>> 0, low: ((w1 << 16) | w0) >>> 0 };
}

/** FNV alone keeps texts that differ a little close together, and sums of such could meet (MurmurHash3's finaliser). */
function mixed({ high, low }: Words): Words {
  const a = finalised(low ^ Math.imul(high, 0x9e3779b1));
  const b = finalised(high ^ Math.imul(a, 0x85ebca77));
  return { high: b, low: a };
}

function finalised(word: number): number {
  let mix = word ^ (word >>> 16);
  mix = Math.imul(mix, 0x85ebca6b);
  mix ^= mix >>> 13;
  mix = Math.imul(mix, 0xc2b2ae35);
  return (mix ^ (mix >>> 16)) >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
