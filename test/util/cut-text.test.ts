import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutLine, cutText } from '../../src/util/cut-text.js';

test('a text is cut, never inside of a character', () => {
  assert.equal(cutText('abc', 5), 'abc');
  assert.equal(cutText('abcdef', 3), 'abc');
  assert.equal(cutText('ab🚧', 3), 'ab');
  assert.equal(cutText('ab🚧', 4), 'ab🚧');
  assert.equal(cutText('🚧', 0), '');
});

test('half a character that stood in it is replaced', () => {
  assert.equal(cutText('a\ud83db', 9), 'a\ufffdb');
  assert.equal(cutText('\udea7', 9), '\ufffd');
});

test('whatever is cut, what is left is well formed, not longer, and all of it when it fits', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.nat(40), (wide, plain, max) => {
      const left = cutText(wide + plain, max);
      assert.ok(left.length <= max && left.length >= Math.min(max - 1, (wide + plain).length));
      assert.doesNotMatch(left, /\p{Cs}/u);
      assert.equal(cutText(plain, plain.length), plain);
    }),
  ));

test('a line has no control characters', () =>
  assert.equal(cutLine('\u001b[31mno\tway\u0000\n🚧', 13), ' [31mno way  '));
