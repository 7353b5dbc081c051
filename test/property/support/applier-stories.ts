import fc from 'fast-check';
import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { Event } from './applier-scene.js';

export const SETS = [20, 30];
export const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
export const uri = (name: string): string => `sip:${name}:5060`;

const ours: fc.Arbitrary<DispatcherRow> = fc.record({
  setid: fc.constantFrom(...SETS),
  destination: names.map(uri),
  flags: fc.constantFrom(8, 8, 8, 4, 9),
  priority: fc.constant(0),
  attrs: fc.constantFrom('', '', 'weight=5;rweight=5'),
  description: fc.constant('carna:x'),
});

/** Somebody's own, also one of ours spelled otherwise, also one that Kamailio refuses. */
const foreign: fc.Arbitrary<DispatcherRow> = fc.record({
  setid: fc.constantFrom(...SETS),
  destination: fc.oneof(
    fc.constantFrom('sip:bad uri', 'sip:z:5060'),
    names.map((name) => uri(name).slice(4)),
  ),
  flags: fc.constantFrom(0, 8, 4, 5),
  priority: fc.constantFrom(0, 7),
  attrs: fc.constantFrom('', 'cc=1'),
  description: fc.constant('by hand'),
});

export const keyOf = (row: DispatcherRow): string => `${row.setid} ${row.destination}`;
export const tables = fc
  .tuple(
    fc.uniqueArray(ours, { selector: keyOf, maxLength: 7 }),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.uniqueArray(foreign, { selector: keyOf, maxLength: 2 }) },
    ),
  )
  .map(([mine, others]) => [...mine, ...others]);

const kind = <K extends Event['kind']>(name: K): fc.Arbitrary<K> => fc.constant(name);
const setid = fc.constantFrom(...SETS);
export const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: kind('time'),
        ms: fc.constantFrom(0, 100, 600, 1_000, 5_000, 31_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: kind('commit'), rows: tables, isTold: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ kind: kind('told') }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('emptied by hand'), setid }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('set by hand'),
        name: names,
        state: fc.constantFrom('d', 'ap', 'i', 't'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: kind('removed by hand'), name: names }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('added by hand'), name: names }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('reloaded by hand') }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: kind('ping'), name: names, isAnswered: fc.boolean() }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: kind('fault'),
        call: fc.constantFrom('list', 'set', 'reload', 'table'),
        how: fc.constantFrom('lost', 'unanswered'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: kind('database'), isUp: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('list'), isTooLong: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: kind('restart'), isNoticed: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: kind('wall clock'),
        byMs: fc.constantFrom(-3_600_000, 3_600_000),
      }),
    },
  ),
  { maxLength: 40, size: 'max' },
);
