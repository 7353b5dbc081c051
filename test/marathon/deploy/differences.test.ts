import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDifferences } from '../../../src/marathon/deploy/differences.js';

function check(wanted: object, present: object, places: readonly string[]): void {
  assert.deepEqual(findDifferences({ ...wanted }, { ...present }), places);
}

test('what Marathon added is no difference', () =>
  check(
    { cpus: 1, container: { type: 'DOCKER', docker: { image: 'a' } }, instances: 2 },
    {
      ...{ cpus: 1, mem: 128, instances: 5, version: 'v' },
      container: { type: 'DOCKER', volumes: [], docker: { image: 'a', privileged: false } },
    },
    [],
  ));

test('words of an enumeration may be written in any case', () =>
  check({ networks: [{ mode: 'host' }] }, { networks: [{ mode: 'HOST' }] }, []));

test('each place is named, without its value', () =>
  check(
    { container: { docker: { image: 'b' } }, env: { A: 'x', S: 'secret' }, constraints: [['a']] },
    { container: { docker: { image: 'a' } }, env: { A: 'x' }, constraints: [] },
    ['container.docker.image', 'env.S', 'constraints'],
  ));

test('a variable or label that is dropped is a difference', () =>
  check({ env: {} }, { env: { A: '1' }, labels: { l: '1' } }, [
    'env.A (no longer)',
    'labels.l (no longer)',
  ]));

test('a list is compared item by item, and many places are cut', () => {
  check({ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3 }] }, ['a[1].b']);
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`k${k}`, 1]));
  assert.equal(findDifferences(many, {}).at(-1), 'and 8 more');
});
