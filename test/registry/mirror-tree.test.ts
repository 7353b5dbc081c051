import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MirrorTree } from '../../src/registry/mirror-tree.js';
import type { MirrorEntry } from '../../src/registry/mirror-tree.js';
import type { ZnodeStat } from '../../src/registry/stat.js';

const entry = (zxid: bigint, arrival = 1, of: Partial<ZnodeStat> = {}): MirrorEntry => {
  const stat = { czxid: zxid, mzxid: zxid, childCount: 0, ephemeralOwner: 1n, ...of } as ZnodeStat;
  return { data: null, stat, arrival };
};

function treeAt(root = '/nodes') {
  const changes: string[][] = [];
  const tree = new MirrorTree(root, (paths) => changes.push([...paths]));
  return { tree, changes };
}

test('a full read is shown in one step, with what became another', () => {
  const { tree, changes } = treeAt();
  for (const at of ['a', 'b', 'c']) tree.keep(at, entry(1n), false);
  changes.length = 0;
  tree.startFill();
  tree.keep('a', entry(1n), false);
  tree.keep('b', entry(2n), false);
  assert.deepEqual([[...tree.shown.keys()], changes], [['a', 'b', 'c'], []]);
  tree.showFill();
  assert.deepEqual([[...tree.shown.keys()], changes], [['a', 'b'], [['b', 'c']]]);
});

test('the same numbers at another time, as after a wipe, are another znode', () => {
  const { tree, changes } = treeAt();
  tree.keep('a', entry(7n, 1, { ctimeMs: 100, mtimeMs: 100 }), false);
  changes.length = 0;
  tree.startFill();
  tree.keep('a', entry(7n, 2, { ctimeMs: 900, mtimeMs: 900 }), false);
  tree.showFill();
  assert.deepEqual(changes, [['a']]);
});

test('a fill that was given up changes nothing', () => {
  const { tree, changes } = treeAt();
  tree.keep('a', entry(1n), false);
  changes.length = 0;
  tree.startFill();
  tree.giveUpFill();
  tree.showFill();
  assert.deepEqual([[...tree.shown.keys()], changes, tree.isFilling], [['a'], [], false]);
});

test('a deletion notice that came before the answer is out of date', () => {
  const { tree } = treeAt();
  tree.keep('a', entry(1n, 5), false);
  tree.forgetBefore('a', 4);
  assert.equal(tree.shown.has('a'), true);
  tree.forgetBefore('a', 6);
  assert.equal(tree.shown.has('a'), false);
});

test('a znode that cannot be read keeps its value through a full read, and is told once', () => {
  const { tree, changes } = treeAt();
  tree.keep('a', entry(1n), false);
  changes.length = 0;
  tree.startFill();
  assert.deepEqual([tree.refused('a', 'NO_AUTH'), tree.refused('a', 'NO_AUTH')], [true, false]);
  tree.showFill();
  assert.deepEqual([tree.shown.has('a'), [...tree.unreadable]], [true, [['a', 'NO_AUTH']]]);
  tree.keep('a', entry(1n), false);
  assert.deepEqual([tree.unreadable.size, changes], [0, [['a'], ['a']]]);
});

test('children are listed in a full read, later only where one-shot watches need it', () => {
  const { tree } = treeAt();
  const folder = entry(1n, 1, { childCount: 2, ephemeralOwner: 0n });
  assert.equal(tree.keep('', folder, false), false);
  tree.startFill();
  assert.equal(tree.keep('', folder, false), true);
  tree.showFill();
  assert.deepEqual([tree.keep('', folder, true), tree.keep('x', folder, true)], [false, true]);
});

test('a listing names the unknown; with one-shot watches who left is forgotten, grandchildren are not', () => {
  const { tree } = treeAt();
  for (const at of ['', 'a', 'b', 'a/x']) tree.keep(at, entry(1n), true);
  assert.deepEqual(tree.listed('', ['a', 'c'], false), ['c']);
  assert.equal(tree.shown.has('b'), true);
  assert.deepEqual(tree.listed('', ['a', 'c'], true), ['c']);
  assert.deepEqual([...tree.shown.keys()], ['', 'a', 'a/x']);
});

test('a folder that cannot be listed is named with what to do, until it can be', () => {
  const { tree } = treeAt();
  tree.startFill();
  tree.keep('', entry(1n, 1, { childCount: 70_000 }), false);
  assert.deepEqual([tree.notListed(''), tree.notListed('')], [0, 1]);
  assert.match(tree.obstacle ?? '', /^\/nodes with 70000 children cannot be listed: refused; /);
  tree.folderReadable('');
  assert.deepEqual([tree.obstacle, tree.hasUnlisted], [null, false]);
});

test('paths are relative to the root, also to that of all', () => {
  const { tree } = treeAt('/nodes');
  assert.deepEqual([tree.relativeOf('/nodes'), tree.relativeOf('/nodes/a/b')], ['', 'a/b']);
  assert.deepEqual([tree.relativeOf('/nodesx'), tree.pathOf('a')], [null, '/nodes/a']);
  const all = treeAt('/').tree;
  assert.deepEqual([all.relativeOf('/a'), all.pathOf('a'), all.pathOf('')], ['a', '/a', '/']);
});
