import type { Tree } from './zookeeper-tree.js';
import { childrenOf, writeStat, ZK_ERRORS } from './zookeeper-tree.js';
import type { ZkWatches } from './zookeeper-watches.js';
import type { JuteReader } from './zookeeper-wire.js';
import { JuteWriter } from './zookeeper-wire.js';

const EXISTS = 3;
const GET_DATA = 4;
const GET_CHILDREN = 12;

/** Answers a request that changes nothing, from one member's copy; null for another one. */
export function serveRead(
  type: number,
  body: JuteReader,
  tree: Tree,
  watches: ZkWatches,
): { readonly error: number; readonly body: JuteWriter } | null {
  if (type !== EXISTS && type !== GET_DATA && type !== GET_CHILDREN) return null;
  const path = body.text();
  const isWatched = body.bool();
  const znode = tree.get(path);
  // What does not exist can be watched by `exists` alone.
  if (isWatched && type === EXISTS) watches.data.add(path);
  if (znode === undefined) return { error: ZK_ERRORS.noNode, body: new JuteWriter() };
  const answer = new JuteWriter();
  if (type === GET_DATA) {
    if (isWatched) watches.data.add(path);
    answer.buffer(znode.data);
  } else if (type === GET_CHILDREN) {
    if (isWatched) watches.children.add(path);
    const names = childrenOf(tree, path);
    answer.int(names.length);
    for (const name of names) answer.text(name);
  }
  return { error: 0, body: writeStat(answer, znode) };
}
