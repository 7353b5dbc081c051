import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeRow } from '../../src/topology/dispatcher-row.js';
import type { RemoteLink } from '../../src/topology/node.js';
import * as p from './support.js';

/** What operators are shown of another data centre. */

const FAR = {
  setid: 130,
  destination: 'sip:10.1.3.1:5060',
  flags: 8,
  priority: 0,
  attrs: '',
  description: describeRow('dc2/media-1'),
};

function dataWith(link: RemoteLink): ReturnType<typeof p.fakeData> {
  const topology = p.topology();
  assert.ok(topology.generation);
  const remotes = [{ dc: 'dc2', link, sinceMs: p.NOW - 34_000 }];
  const generation = { ...topology.generation, remotes };
  return p.fakeData({
    readTopology: () => Promise.resolve({ ...topology, generation }),
    readTable: () => Promise.resolve([...p.TABLE, FAR]),
  });
}

test('topology has a line for each other data centre, and a problem for one that is not read', async () => {
  const linked = await p.carna('topology', dataWith('linked'));
  assert.match(linked.out, /^dc2 {2}● linked for 34 s {2}media: 1 of 1 active in set 130$/m);
  assert.match(linked.out, /no problem/);
  const stale = await p.carna('topology', dataWith('stale'));
  assert.match(stale.out, /^dc2 {2}\? not read for 34 s: its last known rows stay/m);
  assert.match(stale.out, /dc2 cannot be read for 34 s: its row stays as it was/);
});

test('explain tells of a node of another data centre what stands here', async () => {
  const { out, code } = await p.carna('explain dc2/media-1', dataWith('linked'));
  assert.equal(code, 0);
  assert.match(out, /^dc2\/media-1 is a node of dc2: /);
  assert.match(out, /row {4}set 130 sip:10\.1\.3\.1:5060, 8 active; live: /);
  const stale = await p.carna('explain dc2/media-1', dataWith('stale'));
  assert.equal(stale.code, 3);
  const unknown = await p.carna('explain dc2/media-9', dataWith('linked'));
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /there are: dc2\/media-1/);
});

test('plan leaves the rows of other data centres as they stand, and says so', async () => {
  const { out } = await p.carna('plan', dataWith('linked'));
  assert.match(out, /rows of other data centres stay as they stand/);
  assert.doesNotMatch(out, /10\.1\.3\.1/);
});
