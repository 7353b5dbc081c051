import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GenerationReader, NodesReader, intentsReader } from '../../src/registry/nodes.js';
import type { ZnodeStat } from '../../src/registry/stat.js';
import type { TreeEntry, TreeSnapshot } from '../../src/registry/tree-view.js';
import {
  encodeGenerationRecord,
  encodeIntentRecord,
  encodeNodeRecord,
} from '../../src/topology/node-codec.js';
import type { NodeRecord } from '../../src/topology/node.js';
import { generationRecord, intentRecord, nodeRecord } from './records.js';

let revision = 0;

function stat(czxid: bigint): ZnodeStat {
  const zero = { mzxid: 0n, pzxid: 0n, ctimeMs: 0, mtimeMs: 0, dataVersion: 0, childrenVersion: 0 };
  return { ...zero, czxid, ephemeralOwner: 1n, dataLength: 0, childCount: 0 };
}

function entry(czxid: bigint, data: Uint8Array | string | null): TreeEntry {
  return { stat: stat(czxid), data: data === null ? null : Buffer.from(data) };
}

function tree(
  entries: Record<string, TreeEntry>,
  unreadable: Record<string, string> = {},
): TreeSnapshot {
  revision += 1;
  return {
    revision,
    isFresh: true,
    staleSinceMs: null,
    entries: new Map(Object.entries({ '': entry(1n, null), nodes: entry(2n, null), ...entries })),
    unreadable: new Map(Object.entries(unreadable)),
  };
}

const node = (czxid: bigint, change: Partial<NodeRecord> = {}): TreeEntry =>
  entry(czxid, encodeNodeRecord(nodeRecord(change)));

test('C7 of several incarnations the youngest is shown, in whatever order they come', () => {
  const older = node(10n, { state: 'down' });
  const younger = node(11n, { state: 'up' });
  for (const entries of [
    { 'nodes/media-1~a-0': older, 'nodes/media-1~b-0': younger },
    { 'nodes/media-1~b-0': younger, 'nodes/media-1~a-0': older },
  ]) {
    const { nodes, refused } = new NodesReader().read(tree(entries));
    assert.deepEqual([...nodes.keys()], ['media-1']);
    const found = nodes.get('media-1');
    assert.deepEqual([found?.incarnation, found?.czxid, found?.record.state], ['b-0', 11n, 'up']);
    assert.deepEqual(refused, []);
  }
});

test('C7 two living nodes with one address are a conflict; one that is down gives it up', () => {
  const entries = {
    'nodes/media-1~a': node(10n),
    'nodes/media-2~a': node(11n, { nodeId: 'media-2' }),
  };
  assert.deepEqual(new NodesReader().read(tree(entries)).conflicts, [
    { address: 'sip:10.0.0.1:5060', nodeIds: ['media-1', 'media-2'] },
  ]);
  const down = { ...entries, 'nodes/media-2~a': node(11n, { nodeId: 'media-2', state: 'down' }) };
  assert.deepEqual(new NodesReader().read(tree(down)).conflicts, []);
});

test('C6 malformed data is quarantined, and the former good value of the same znode is kept', () => {
  const reader = new NodesReader();
  const other = node(20n, { nodeId: 'media-2' });
  reader.read(tree({ 'nodes/media-1~a': node(10n), 'nodes/media-2~a': other }));
  for (const bad of ['{', 'null', JSON.stringify({ schema: 9 }), '']) {
    const entries = { 'nodes/media-1~a': entry(10n, bad), 'nodes/media-2~a': other };
    const found = reader.read(tree(entries));
    assert.deepEqual([...found.nodes.keys()].sort(), ['media-1', 'media-2']);
    assert.deepEqual(
      found.refused.map(({ path }) => path),
      ['nodes/media-1~a'],
    );
  }
  const recreated = reader.read(tree({ 'nodes/media-1~a': entry(30n, '{') }));
  assert.deepEqual([...recreated.nodes.keys()], []);
  assert.equal(recreated.refused.length, 1);
});

test('C6 a record that speaks for another node than its znode is refused', () => {
  const found = new NodesReader().read(
    tree({ 'nodes/media-9~a': node(10n), 'nodes/stray': node(11n) }),
  );
  assert.equal(found.nodes.size, 0);
  assert.deepEqual(
    found.refused.map(({ why }) =>
      /names media-1 but lies in a znode of (media-9|nobody)/.test(why),
    ),
    [true, true],
  );
});

test('C6 a znode that cannot be read is reported', () => {
  const found = new NodesReader().read(
    tree({}, { 'nodes/media-1~a': 'NO_AUTH', leader: 'NO_AUTH' }),
  );
  assert.deepEqual(found.refused, [{ path: 'nodes/media-1~a', why: 'cannot be read: NO_AUTH' }]);
});

test('intents are named by their node alone', () => {
  const data = encodeIntentRecord(intentRecord());
  const found = intentsReader().read(tree({ 'intents/media-1': entry(5n, data) }));
  assert.equal(found.records.get('media-1')?.record.want, 'drain');
});

test('a generation that turns bad stays as it was, and says so', () => {
  const reader = new GenerationReader('generation');
  assert.deepEqual(reader.read(tree({})), { record: null, refused: null });
  const good = entry(5n, encodeGenerationRecord(generationRecord()));
  assert.equal(reader.read(tree({ generation: good })).record?.generation, 7);
  const bad = reader.read(tree({ generation: entry(5n, 'x') }));
  assert.equal(bad.record?.generation, 7);
  assert.match(bad.refused ?? '', /no JSON/);
});
