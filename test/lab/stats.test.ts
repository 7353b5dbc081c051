import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarise } from '../../src/lab/bench/stats.js';

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => n - i);

test('quantiles are nearest-rank samples', () =>
  assert.deepEqual(summarise(oneTo(100)), { n: 100, median: 50, p90: 90, p99: 99, max: 100 }));

test('with few samples the tail is the maximum', () =>
  assert.deepEqual(summarise(oneTo(3)), { n: 3, median: 2, p90: 3, p99: 3, max: 3 }));

test('nothing measured is an error, not zero', () =>
  assert.throws(() => summarise([]), RangeError));
