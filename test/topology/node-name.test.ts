import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeIdMeant, nodesMeant } from '../../src/topology/node-name.js';

const ONE = 'carna_dc1_media.instance-663cc6e3-3e47-4310-9a01-7a2e164001eb._app.1';
const OTHER = 'carna_dc1_media.instance-663cf000-3e47-4310-9a01-7a2e164001eb._app.1';
const LATER = 'carna_dc1_media.instance-663cc6e3-3e47-4310-9a01-7a2e164001eb._app.12';
const MARATHON = 'carna_dc1_media.marathon-91bc0000-3e47-4310-9a01-7a2e164001eb._app.3';

function check(text: string, known: readonly string[], meant: string): void {
  assert.equal(nodeIdMeant(text, known), meant);
}

test('the whole id is the node', () => check(ONE, [ONE, LATER], ONE));
test('the begin of a uuid is enough', () => check('663cc', [ONE, OTHER], ONE));
test('also with its dashes', () => check('663cc6e3-3e', [ONE, OTHER], ONE));
test('an older form of the id has one, too', () => check('91bc', [ONE, MARATHON], MARATHON));
test('three letters are too few', () => check('663', [ONE], '663'));
test('the begin of two is neither', () => {
  check('663c', [ONE, OTHER], '663c');
  assert.deepEqual(nodesMeant('663c', [ONE, OTHER, ONE]), [ONE, OTHER]);
});
test('two lives of one instance are two nodes', () => check('663cc', [ONE, LATER], '663cc'));
test('an id that is gone is not the begin of a later life', () => check(ONE, [LATER], ONE));
test('media-1 is not media-12', () => check('media-1', ['media-12'], 'media-1'));
test('the middle of a uuid names nothing', () => check('3e47', [ONE], '3e47'));
test('a node called like the begin of a uuid is meant itself', () =>
  check('663cc', ['663cc', ONE], '663cc'));
