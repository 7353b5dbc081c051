import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOf } from '../../src/lab/bench/read-metric.js';

test('a metric is summed over its labels; one with a longer name is another', () => {
  const text = [
    '# HELP carna_reloads_total Reloads.',
    'carna_reloads_total{answer="ok"} 3',
    'carna_reloads_total{answer="failed"} 2',
    'carna_reloads_total_seconds 99',
  ].join('\n');
  assert.equal(sumOf(text, 'carna_reloads_total'), 5);
  assert.equal(sumOf(text, 'carna_other'), 0);
});
