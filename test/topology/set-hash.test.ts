import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setHash } from '../../src/topology/set-hash.js';

const row = (destination: string, flags = 8, attrs = '') => ({
  destination,
  flags,
  priority: 0,
  attrs,
});

/** The definition, as slow as it is plain. */
function reference(rows: readonly ReturnType<typeof row>[]): string {
  const u32 = (n: bigint): bigint => BigInt.asUintN(32, n);
  const finalise = (word: bigint): bigint => {
    let mix = word ^ (word >> 16n);
    mix = u32(mix * 0x85ebca6bn);
    mix ^= mix >> 13n;
    mix = u32(mix * 0xc2b2ae35n);
    return mix ^ (mix >> 16n);
  };
  let sum = 0n;
  for (const { destination, flags, priority, attrs } of rows) {
    let hash = 0xcbf29ce484222325n;
    const state = (flags & 4) === 0 ? 'enabled' : 'disabled';
    for (const byte of new TextEncoder().encode(`${destination}|${state}|${priority}|${attrs}`)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
    const high = hash >> 32n;
    const low = finalise(u32(hash) ^ u32(high * 0x9e3779b1n));
    sum += (finalise(high ^ u32(low * 0x85ebca77n)) << 32n) + low;
  }
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}

const anyRow = fc.record({
  destination: fc.string({ unit: 'binary', maxLength: 40 }),
  flags: fc.constantFrom(0, 4, 8, 9, 12),
  priority: fc.integer({ min: -5, max: 5 }),
  attrs: fc.string({ maxLength: 20 }),
});

test('it is the sum of the mixed FNV-1a hashes of the rows, known or not', () => {
  assert.equal(setHash([]), '0000000000000000');
  fc.assert(
    fc.property(fc.array(anyRow, { maxLength: 8 }), (rows) => {
      assert.equal(setHash(rows), reference(rows));
      assert.equal(setHash([...rows].reverse()), reference(rows));
    }),
  );
});

test('attributes that change places between rows are a difference', () => {
  const pair = (x: string, y: string) => [
    row('sip:10.0.0.1:5060', 8, x),
    row('sip:10.0.0.2:5060', 8, y),
  ];
  for (let n = 0; n < 2_000; n++) {
    const [x, y] = [`weight=${n}`, `weight=${n + 1}`];
    assert.notEqual(setHash(pair(x, y)), setHash(pair(y, x)));
  }
});

test('the order of the rows does not matter, their content does', () => {
  assert.equal(setHash([row('sip:a'), row('sip:b')]), setHash([row('sip:b'), row('sip:a')]));
  assert.notEqual(setHash([row('sip:a')]), setHash([row('sip:b')]));
  assert.notEqual(setHash([row('sip:a')]), setHash([row('sip:a', 8, 'weight=1')]));
});

test('what a Kamailio found by its own probing is no difference, disabled is one', () => {
  assert.equal(setHash([row('sip:a', 8)]), setHash([row('sip:a', 9)]));
  assert.notEqual(setHash([row('sip:a', 8)]), setHash([row('sip:a', 4)]));
});
