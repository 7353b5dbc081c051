import type { TreeSnapshot } from './tree-view.js';
import { cutText } from '../util/cut-text.js';

const CANDIDATE = /^leader\/.*-(\d{10})$/;
/** A MESOS_TASK_ID fits; longer ones are somebody's mistake, they are cut. */
const MAX_NAME_CHARS = 200;

/**
 * The names of the reconcilers that stand in the election, the first in line (which leads, or is about to)
 * first. Empty = none runs, as far as ZooKeeper knows: one that was killed stands until its session ends. Pure.
 */
export function readCandidates(tree: Pick<TreeSnapshot, 'entries'>): readonly string[] {
  return [...tree.entries]
    .flatMap(([path, { data }]) => {
      const place = CANDIDATE.exec(path)?.[1];
      if (place === undefined) return [];
      return [{ place: Number(place), name: cutText(data?.toString() ?? '', MAX_NAME_CHARS) }];
    })
    .sort((a, b) => a.place - b.place)
    .map(({ name }) => name);
}
