import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryPicture } from '../../src/lab/settled.js';
import { unsettled } from '../../src/lab/settled.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { appliedRecord, generationRecord, nodeRecord } from '../registry/records.js';

const media = nodeRecord({ nodeId: 'media-1' });
const dispatcher = nodeRecord({ nodeId: 'dispatcher-1', role: 'dispatcher', kind: 'kamailio' });
const applied = appliedRecord({
  nodeId: 'dispatcher-1',
  role: 'dispatcher',
  sets: { '30': 'aa' },
  drift: null,
});
const generation = generationRecord({
  sets: { '30': 'aa' },
  traces: [
    { id: media.trace.id, generation: 7 },
    { id: dispatcher.trace.id, generation: 7 },
  ],
});
const wanted = ['media-1', 'dispatcher-1'];

function check(change: Partial<RegistryPicture>, waitingFor: string[]): void {
  const whole = pictureOf([media, dispatcher]);
  assert.deepEqual(unsettled(wanted, { ...whole, ...change }), waitingFor);
}

function pictureOf(records: readonly NodeRecord[]): RegistryPicture {
  return {
    nodes: new Map(records.map((record) => [record.nodeId, { record }])),
    applied: new Map([['dispatcher-1', applied]]),
    generation,
  };
}

test('everything up and proven is settled', () => check({}, []));

test('a node that is missing or not up is waited for', () => {
  check(pictureOf([dispatcher]), ['media-1']);
  check(pictureOf([{ ...media, state: 'down' }, dispatcher]), ['media-1']);
});

test('a node whose last change is not committed yet is waited for', () => {
  const changed = { ...media, trace: { ...media.trace, id: 'a-later-trace' } };
  check(pictureOf([changed, dispatcher]), ['the commit of media-1']);
});

test('nothing is settled before the first generation', () =>
  check({ generation: null }, ['the first generation']));

test('a list that is not proven, differs or drifts is waited for', () => {
  const list = ['the list of dispatcher-1'];
  check({ applied: new Map() }, list);
  check({ applied: new Map([['dispatcher-1', { ...applied, sets: { '30': 'bb' } }]]) }, list);
  check({ applied: new Map([['dispatcher-1', { ...applied, drift: 'a row' }]]) }, list);
});

test('a Kamailio without a set to load has nothing to prove', () =>
  check({ applied: new Map(), generation: { ...generation, sets: { '60': 'cc' } } }, []));
