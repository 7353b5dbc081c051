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

/** The definition, as slow as it is plain: FNV-1a with the published offset and prime. */
function reference(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, '0');
}

test('it is FNV-1a, 64 bit', () => {
  assert.equal(setHash([]), reference(''));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      assert.equal(setHash([row(text)]), reference(`${text}|enabled|0|`));
    }),
  );
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
