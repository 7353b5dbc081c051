import type { Definition } from './group-apps.js';
import { isObject } from './group-apps.js';

/** How many places are named. */
const MAX_PLACES = 12;

/** What is compared by itself, or is the group's matter. */
const APART: ReadonlySet<string> = new Set(['id', 'instances']);

/**
 * The places of a definition that are not as Marathon holds them, for people: `container.docker.image`. What the
 * file does not name counts as the same, since Marathon adds its defaults; so this explains a change, it does not
 * decide whether there is one. Values are not shown: they may be secret. Pure.
 */
export function findDifferences(wanted: Definition, present: Definition): readonly string[] {
  const names = Object.keys(wanted).filter((name) => !APART.has(name));
  const found = names.flatMap((name) => differing(name, wanted[name], present[name]));
  // A variable or label that the file dropped is a change as well.
  for (const name of ['env', 'labels']) {
    const [has, had] = [wanted[name], present[name]];
    const dropped = isObject(had)
      ? Object.keys(had).filter((key) => !isObject(has) || !(key in has))
      : [];
    found.push(...dropped.map((key) => `${name}.${key} (no longer)`));
  }
  return found.length <= MAX_PLACES
    ? found
    : [...found.slice(0, MAX_PLACES), `and ${found.length - MAX_PLACES} more`];
}

function differing(path: string, wanted: unknown, present: unknown): string[] {
  if (wanted === null || wanted === undefined) return [];
  if (isObject(wanted)) {
    const other = isObject(present) ? present : {};
    return Object.keys(wanted).flatMap((key) =>
      differing(`${path}.${key}`, wanted[key], other[key]),
    );
  }
  if (Array.isArray(wanted)) {
    const items: readonly unknown[] = wanted;
    const others: readonly unknown[] = Array.isArray(present) ? present : [];
    if (items.length !== others.length) return [path];
    return items.flatMap((item, k) => differing(`${path}[${k}]`, item, others[k]));
  }
  if (typeof wanted === 'string' && typeof present === 'string') {
    // Marathon writes the words of its enumerations in capitals.
    const isSame = wanted === present || wanted.toUpperCase() === present;
    return isSame ? [] : [path];
  }
  return wanted === present ? [] : [path];
}
