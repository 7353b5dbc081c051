import { nearest } from '../../util/closest.js';
import type { Definition } from './definition.js';
import type { Finding, LintFacts } from './finding.js';
import { membersOf, textOf } from './json.js';
import type { At } from './json.js';

type Member = At & { readonly name: string };

/** What Marathon and Mesos set themselves. */
const RESERVED = /^(?:MESOS_\w+|MARATHON_\w+|HOST|PORTS?|PORT\d+|PORT_\w+)$/;

/** A state of a running node, or a word for switching one. */
const SWITCH_NAME =
  /(?:^|[^a-z])(?:drain|draining|drained|undrain|maintenance|quiesce[d]?|pause[d]?|standby|offline|online|in.?service|out.?of.?service|enabled?|disabled?|active|inactive)$/i;
const SWITCH_VALUE =
  /^(?:|0|1|true|false|yes|no|on|off|drain(?:ing|ed)?|active|inactive|up|down|enabled?|disabled?)$/i;
/** Marathon's own label. */
const SINGLE_INSTANCE = 'MARATHON_SINGLE_INSTANCE_APP';

/** Letters that may be wrong in a variable's name: one of four, at most two. */
const MAX_TYPOS = 2;
const PREFIX = 'CARNA_';

/** Rules on environment variables and labels. */
export function lintEnvironment(of: Definition, facts: LintFacts): Finding[] {
  const variables = of.environments.flatMap(membersOf);
  const labels = of.labels.flatMap(membersOf).filter(({ name }) => name !== SINGLE_INSTANCE);
  return [
    ...variables.flatMap((member) => lintSwitch(member, 'variable')),
    ...labels.flatMap((member) => lintSwitch(member, 'label')),
    ...variables.flatMap((member) => lintReserved(member, of.kind)),
    ...variables.flatMap((member) => lintName(member, facts)),
  ];
}

function lintSwitch(member: Member, what: 'variable' | 'label'): Finding[] {
  const value = textOf(member);
  const name = member.name.replace(/([a-z])([A-Z])/g, '$1_$2');
  if (value === null || !SWITCH_NAME.test(name) || !SWITCH_VALUE.test(value)) return [];
  return [
    {
      path: member.path,
      rule: 'switch',
      reason: `a changed ${what} restarts every instance at once, so it can be no switch for running nodes`,
      expected: `no ${what} that says what a node shall do now`,
      found: `${member.name}=${value}`,
      todo: 'remove it; a node is taken out with: carna drain NODE',
    },
  ];
}

function lintReserved(member: Member, kind: 'app' | 'pod'): Finding[] {
  if (!RESERVED.test(member.name)) return [];
  return [
    {
      path: member.path,
      rule: 'reserved-env',
      reason:
        kind === 'app'
          ? 'it hides the value that Marathon gives to each task: all nodes would have the same identity or port'
          : 'Marathon overwrites it in a pod: the value written here is dropped',
      expected: 'a name that Marathon does not set (MESOS_*, MARATHON_*, HOST, PORT*)',
      found: `"${member.name}"`,
      todo: 'remove it',
    },
  ];
}

function lintName(member: Member, facts: LintFacts): Finding[] {
  if (!member.name.startsWith(PREFIX) || facts.variables.has(member.name)) return [];
  const edits = Math.min(MAX_TYPOS, Math.floor((member.name.length - PREFIX.length) / 4));
  const meant = nearest(member.name, facts.variables, edits);
  if (meant === null) return [];
  return [
    {
      path: member.path,
      rule: 'variable',
      reason: 'no program reads it: the default is used in silence',
      expected: `"${meant}"`,
      found: `"${member.name}"`,
      todo: `rename it to "${meant}"`,
    },
  ];
}
