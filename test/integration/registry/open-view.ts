import { TreeView } from '../../../src/registry/tree-view.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { atEnd, quiet } from './lab.js';

/** A view closed at the end of the file. */
export function openView(session: ZkSession, root: string): TreeView {
  const view = TreeView.open(session, root, { log: quiet });
  atEnd(() => view.close());
  return view;
}

/** What a view shows of each znode, as text. */
export function shown(view: TreeView): Map<string, string> {
  return new Map([...view.snapshot().entries].map(([at, { data }]) => [at, String(data)]));
}
