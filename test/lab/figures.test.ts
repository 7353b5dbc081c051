import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFigures, sumOf } from '../../src/lab/figures.js';

test('figures of a daemon are read from its metrics, one series or the sum of a name', () => {
  const figures = parseFigures(
    [
      '# TYPE carna_agent_reloads_total counter',
      'carna_agent_reloads_total{answer="ok"} 3',
      'carna_agent_reloads_total{answer="partial"} 1',
      'carna_agent_reloads_total_other 7',
      'carna_registry_connected 0',
      'carna_agent_drift NaN',
      'no series',
    ].join('\n'),
  );
  assert.equal(sumOf(figures, 'carna_agent_reloads_total'), 4);
  assert.equal(figures.get('carna_registry_connected'), 0);
  assert.deepEqual([figures.has('carna_agent_drift'), sumOf(figures, 'absent')], [false, 0]);
});
