import { DRILL_GROUPS, DRILL_NAMES, DRILL_SUMMARIES } from '../../lab/drills/names.js';

/** Every drill with what it does, under short headings, without an empty line at either end. Pure. */
export function drillList(): readonly string[] {
  const longest = Math.max(...DRILL_NAMES.map((name) => name.length));
  return DRILL_GROUPS.flatMap(({ heading, names }, n) => [
    ...(n === 0 ? [] : ['']),
    heading,
    ...names.map((name) => `  ${name.padEnd(longest)}  ${DRILL_SUMMARIES[name]}`),
  ]);
}
