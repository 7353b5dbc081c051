import fc from 'fast-check';
import assert from 'node:assert/strict';
import { rowKey } from '../../src/topology/dispatcher-row.js';
import { holds } from './support/check.js';
import type { ZoneEvent } from './support/zones-model.js';
import { NODES, ZonesModel } from './support/zones-model.js';

const node = fc.nat({ max: NODES - 1 });
const dc = fc.constantFrom<('own' | 'dc2')[]>('own', 'dc2');

const outages: fc.Arbitrary<ZoneEvent>[] = [
  fc.record({ kind: fc.constant('link' as const), isCut: fc.boolean() }),
  fc.record({ kind: fc.constant('wiped' as const) }),
  fc.record({ kind: fc.constant('published again' as const), node }),
  fc.record({ kind: fc.constant('witness' as const), dc, node }),
  fc.record({ kind: fc.constant('leader' as const) }),
  fc.record({
    kind: fc.constant('time' as const),
    ms: fc.constantFrom(50, 5_000, 45_000, 700_000),
  }),
];

const words = fc.record({
  kind: fc.constant('node' as const),
  dc,
  node,
  word: fc.constantFrom('up', 'up', 'draining', 'down', 'starting', 'gone', 'vanished'),
});

const history = (...kinds: readonly fc.Arbitrary<ZoneEvent>[]): fc.Arbitrary<ZoneEvent[]> =>
  fc.array(fc.oneof(...kinds), { maxLength: 50, size: 'max' });

holds('no outage of another data centre or of the link takes away a row of its nodes', 800, () =>
  fc.property(history(...outages), (events) => {
    const model = new ZonesModel();
    const before = [...model.rows].filter(([, row]) => row.setid > 100);
    assert.equal(before.length, NODES);
    for (const event of events) {
      model.happen(event);
      model.pass();
    }
    const after = [...model.rows].filter(([, row]) => row.setid > 100);
    assert.deepEqual(after, before);
  }),
);

holds(
  'whatever happens, only what a node said takes its row away, and our own part is as without',
  800,
  () =>
    fc.property(history(...outages, words, words), (events) => {
      const model = new ZonesModel();
      for (const event of events) {
        model.happen(event);
        model.pass();
      }
      for (const [key, row] of model.rows) assert.equal(key, rowKey(row));
    }),
);
