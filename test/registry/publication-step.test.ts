import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHolding, nextStep } from '../../src/registry/publication-step.js';
import type { Standing } from '../../src/registry/publication-step.js';

const wanted = Buffer.from('new');
const standing: Standing = { path: '/n/a~2', zkSessionId: 7n, data: wanted, isCertain: true };
const none = new Set<string>();
const former = new Set(['/n/a~1']);

test('what is uncertain is looked at before anything else, whatever is wanted', () => {
  const uncertain = { ...standing, isCertain: false };
  for (const wish of [wanted, null]) {
    const step = nextStep(wish, uncertain, '/n/a~2', former);
    assert.deepEqual(step, { kind: 'look', standing: uncertain });
  }
});

test('a znode that is missing is created, one with other bytes is written', () => {
  const create = { kind: 'create', path: '/n/a~2', data: wanted };
  assert.deepEqual(nextStep(wanted, null, '/n/a~2', none), create);
  const other = { ...standing, data: Buffer.from('old') };
  const write = { kind: 'write', standing: other, data: wanted };
  assert.deepEqual(nextStep(wanted, other, '/n/a~2', former), write);
  const empty = { ...standing, data: null };
  assert.equal(nextStep(wanted, empty, '/n/a~2', none).kind, 'write');
});

test('a new incarnation stands before the former goes', () => {
  assert.equal(nextStep(wanted, standing, '/n/a~3', former).kind, 'create');
  const gone = { kind: 'remove', path: '/n/a~1' };
  assert.deepEqual(nextStep(wanted, standing, '/n/a~2', former), gone);
  assert.deepEqual(nextStep(wanted, standing, '/n/a~2', none), { kind: 'none' });
});

test('when nothing is wanted all goes: what stands, then what stood before', () => {
  const present = { kind: 'remove', path: '/n/a~2' };
  assert.deepEqual(nextStep(null, standing, '/n/a~2', former), present);
  assert.deepEqual(nextStep(null, null, '/n/a~2', former), { kind: 'remove', path: '/n/a~1' });
  assert.deepEqual(nextStep(null, null, '/n/a~2', none), { kind: 'none' });
});

test('bytes are held only when that is certain', () => {
  assert.equal(isHolding(standing, Buffer.from('new')), true);
  assert.equal(isHolding(standing, Buffer.from('other')), false);
  assert.equal(isHolding({ ...standing, isCertain: false }, wanted), false);
  assert.equal(isHolding({ ...standing, data: null }, wanted), false);
});
