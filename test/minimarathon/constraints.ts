import type { MesosHost } from './driver.js';
import type { Candidate } from './instance.js';

/** `[field, operator, value?]`, the operator in upper case. */
export type Constraint = readonly string[];

/** A host's value of a constraint's field; undefined when it has none. Pure. */
export function fieldOf(field: string, host: MesosHost | null): string | undefined {
  if (host === null) return undefined;
  if (field === 'hostname' || field === '@hostname') return host.hostname;
  return host.attributes[field.replace(/^@/, '')];
}

/** Whether an offer of that host fits, given what is placed. `instances`: how many the app wants. Pure. */
export function meetsConstraint(
  placed: readonly Candidate[],
  host: MesosHost,
  constraint: Constraint,
  instances: number,
): boolean {
  const [field = '', operator = '', value = ''] = constraint;
  const offered = fieldOf(field, host);
  if (offered === undefined) return operator === 'UNLIKE';
  const others = placed.map((one) => fieldOf(field, one.host));
  switch (operator) {
    case 'UNIQUE':
      return !others.includes(offered);
    case 'GROUP_BY':
      return fitsGroup(others, offered, instances, Number(value) || 0);
    case 'MAX_PER':
      return others.filter((other) => other === offered).length < Number(value);
    case 'CLUSTER':
      return value === '' ? others.length === 0 || others[0] === offered : offered === value;
    case 'IS':
      return offered === value;
    case 'LIKE':
      return new RegExp(`^(?:${value})$`).test(offered);
    case 'UNLIKE':
      return !new RegExp(`^(?:${value})$`).test(offered);
    default:
      return false;
  }
}

function fitsGroup(
  others: readonly (string | undefined)[],
  offered: string,
  instances: number,
  groups: number,
): boolean {
  const counts = countBy(others);
  const count = counts.get(offered);
  if (count === undefined) return counts.size < groups;
  const each = groups === 0 ? instances : Math.floor(instances / groups);
  const remainder = groups === 0 ? 0 : instances % groups;
  const consumed = [...counts.values()].reduce((sum, one) => sum + Math.max(0, one - each), 0);
  return count < each || (count === each && remainder - consumed > 0);
}

function countBy(values: readonly (string | undefined)[]): Map<string | undefined, number> {
  const counts = new Map<string | undefined, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/**
 * Whose end evens out the GROUP_BY constraints: the only operator that picks victims. May be fewer
 * than `count`; all, when all must go. Pure.
 */
export function selectInstancesToKill<T extends Candidate>(
  constraints: readonly Constraint[],
  running: readonly T[],
  count: number,
): readonly T[] {
  if (running.length === count) return running;
  const fields = constraints
    .filter(([, operator]) => operator === 'GROUP_BY')
    .map(([field = '']) => field);
  if (fields.length === 0) return [];
  const groups = fields.map((field) => groupsOf(field, running));
  const chosen: T[] = [];
  while (chosen.length < count) {
    const gone = new Set(chosen.map((one) => one.id));
    const tried = [
      ...[...groups]
        .sort((a, b) => spread(b, gone) - spread(a, gone))
        .flatMap((group) => largest(group, gone)),
      ...running.filter((one) => !gone.has(one.id)),
    ];
    const next = tried.find((one) =>
      groups.every((group) => isEvenerWithout(group, new Set([...gone, one.id]))),
    );
    if (next === undefined) break;
    chosen.push(next);
  }
  return chosen;
}

function groupsOf<T extends Candidate>(field: string, running: readonly T[]): readonly T[][] {
  const groups = new Map<string | undefined, T[]>();
  for (const one of running) {
    const value = fieldOf(field, one.host);
    groups.set(value, [...(groups.get(value) ?? []), one]);
  }
  return [...groups.values()];
}

const left = <T extends Candidate>(group: readonly T[], gone: ReadonlySet<string>): T[] =>
  group.filter((one) => !gone.has(one.id));

function spread(groups: readonly Candidate[][], gone: ReadonlySet<string>): number {
  const sizes = groups.map((group) => left(group, gone).length);
  return Math.max(...sizes) - Math.min(...sizes);
}

function isEvenerWithout(groups: readonly Candidate[][], gone: ReadonlySet<string>): boolean {
  const after = spread(groups, gone);
  return after <= 1 || spread(groups, new Set()) > after;
}

function largest<T extends Candidate>(groups: readonly T[][], gone: ReadonlySet<string>): T[] {
  if (spread(groups, gone) === 0) return [];
  const remaining = groups.map((group) => left(group, gone));
  const size = Math.max(...remaining.map((group) => group.length));
  return remaining.filter((group) => group.length === size).flat();
}
