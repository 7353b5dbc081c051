import type { Constraint, Definition } from './definition.js';
import type { Finding } from './finding.js';
import { below, isObject, itemsOf, numberOf, shown, textOf } from './json.js';

/** Seconds that a node's host may be away before its task is given up: a reboot of a switch ends within. */
const LEAST_INACTIVE_S = 60;
const HOSTNAME = /^@?hostname$/;
const WHOLE = /^-?\d+$/;

/** Rules on where instances run and what replaces or removes them. */
export function lintScheduling(of: Definition): Finding[] {
  return [
    ...of.constraints.flatMap(lintArity),
    ...lintUpgrade(of),
    ...lintUnreachable(of),
    ...lintKillSelection(of),
    ...lintResourceRoles(of),
    ...lintMedia(of),
    ...lintGroupBy(of),
    ...of.constraints.flatMap(lintGroupCount),
  ];
}

function lintArity(constraint: Constraint): Finding[] {
  const { path, operator, value } = constraint;
  const wrong = (expected: string): Finding[] => [
    {
      path,
      rule: 'constraint',
      reason: 'Marathon refuses a constraint of this form',
      expected,
      found: shown(
        value === null ? [constraint.field, operator] : [constraint.field, operator, value],
      ),
      todo: 'correct the constraint',
    },
  ];
  switch (operator) {
    case 'UNIQUE':
      return value === null ? [] : wrong('UNIQUE without a value');
    case 'GROUP_BY':
      return value === null || WHOLE.test(value)
        ? []
        : wrong('GROUP_BY with a whole number, as text');
    case 'MAX_PER':
      return value !== null && WHOLE.test(value)
        ? []
        : wrong('MAX_PER with a whole number, as text');
    case 'LIKE':
    case 'UNLIKE':
      return value === null ? wrong(`${operator} with a pattern`) : [];
    case 'IS':
      return value !== null && /^[a-zA-Z0-9_/.-]*$/.test(value)
        ? []
        : wrong('IS with a plain value');
    case 'CLUSTER':
      return [];
    default:
      return wrong('UNIQUE | CLUSTER | GROUP_BY | MAX_PER | LIKE | UNLIKE | IS');
  }
}

/** Marathon accepts GROUP_BY with nothing, 0 or less, and divides the instances by it at the first offer. */
function lintGroupCount({ path, field, operator, value }: Constraint): Finding[] {
  const isRefused = value !== null && !WHOLE.test(value);
  if (operator !== 'GROUP_BY' || isRefused || Number(value) > 0) return [];
  return [
    {
      path,
      rule: 'constraint',
      reason: 'Marathon divides the instances by the number of groups: none is ever placed',
      expected: 'GROUP_BY with the number of groups, as text',
      found: shown(value === null ? [field, operator] : [field, operator, value]),
      todo: 'add how many groups there are, for example "3"',
    },
  ];
}

/** Why a second instance cannot start beside the old one; null when it can. */
function whyAlone(of: Definition): string | null {
  if (of.constraints.some(({ operator }) => operator === 'UNIQUE')) return 'the UNIQUE constraint';
  const ports = below(of.top, 'requirePorts').value === true;
  return ports ? 'the fixed ports' : null;
}

function lintUpgrade(of: Definition): Finding[] {
  const over = below(of.upgrade, 'maximumOverCapacity');
  const least = below(of.upgrade, 'minimumHealthCapacity');
  const alone = whyAlone(of);
  if (of.role === null && alone === null) return [];
  const findings: Finding[] = [];
  const overNumber = numberOf(over) ?? (over.value === undefined ? 1 : 0);
  const leastNumber = numberOf(least) ?? (least.value === undefined ? 1 : 0);
  if (alone !== null && overNumber > 0) {
    findings.push({
      path: over.path,
      rule: 'upgrade',
      reason: `${alone} leaves no room for instances beyond the count: a deployment never ends and locks the ${of.kind}`,
      expected: '0',
      found: over.value === undefined ? 'nothing, which means 1' : shown(over.value),
      todo: 'set "maximumOverCapacity": 0',
    });
  }
  if (leastNumber >= 1 && (alone !== null || overNumber === 0)) {
    findings.push({
      path: least.path,
      rule: 'upgrade',
      reason:
        'no old instance may stop before a new one runs, and no new one has room: a deployment never ends',
      expected: 'below 1',
      found: least.value === undefined ? 'nothing, which means 1' : shown(least.value),
      todo: 'set "minimumHealthCapacity" to 0.5 up to 0.66',
    });
  }
  return findings;
}

function lintUnreachable(of: Definition): Finding[] {
  const { path, value } = of.unreachable;
  if (of.role === null || value === 'disabled') return [];
  const inactive = below(of.unreachable, 'inactiveAfterSeconds');
  const expunge = below(of.unreachable, 'expungeAfterSeconds');
  const inactiveS = numberOf(inactive) ?? 0;
  const expungeS = numberOf(expunge) ?? 0;
  const todo =
    'set "unreachableStrategy": {"inactiveAfterSeconds": 120, "expungeAfterSeconds": 7200}';
  if (!isObject(value) || (inactiveS === 0 && expungeS === 0)) {
    const reason =
      'a host that is cut off for a minute is replaced at once, and when it returns its task is killed with the calls on it';
    const found = value === undefined ? 'nothing, which means 0 and 0' : shown(value);
    return [{ path, rule: 'unreachable', reason, expected: 'times above 0', found, todo }];
  }
  if (inactiveS < LEAST_INACTIVE_S) {
    const reason = 'a short cut of the network already starts a replacement';
    const expected = `at least ${LEAST_INACTIVE_S} s`;
    const found = inactive.value === undefined ? 'nothing, which means 0' : shown(inactive.value);
    return [{ path: inactive.path, rule: 'unreachable', reason, expected, found, todo }];
  }
  if (expungeS >= inactiveS) return [];
  const reason =
    'an instance is forgotten before it is replaced; when its host returns it is killed, live calls included';
  const expected = `at least inactiveAfterSeconds (${inactiveS})`;
  const found = expunge.value === undefined ? 'nothing, which means 0' : shown(expunge.value);
  return [{ path: expunge.path, rule: 'unreachable', reason, expected, found, todo }];
}

function lintKillSelection(of: Definition): Finding[] {
  if (of.role === null || of.killSelection.value !== 'OLDEST_FIRST') return [];
  return [
    {
      path: of.killSelection.path,
      rule: 'kill-selection',
      reason:
        of.kind === 'pod'
          ? 'a pod is scaled in by killing the drained instance and dropping the youngest: this would kill another one'
          : 'whoever lowers "instances" by hand kills the nodes that serve longest, with the most calls',
      expected: '"YOUNGEST_FIRST"',
      found: '"OLDEST_FIRST"',
      todo: 'write "killSelection": "YOUNGEST_FIRST"',
    },
  ];
}

function lintResourceRoles(of: Definition): Finding[] {
  const { path, value } = of.resourceRoles;
  const roles = itemsOf(of.resourceRoles).map(textOf);
  const finding = (reason: string, expected: string, todo: string): Finding[] => [
    { path, rule: 'resource-role', reason, expected, found: shown(value), todo },
  ];
  if (Array.isArray(value) && roles.length === 0) {
    return finding(
      'no offer matches an empty list',
      'at least one role',
      'remove it, or write ["*"]',
    );
  }
  if (of.role !== null && of.role !== 'load-balancer' && roles.includes('slave_public')) {
    const reason = `public agents are for the edge: a ${of.role} would answer the Internet`;
    return finding(reason, 'roles of inner agents', 'remove "slave_public"');
  }
  return [];
}

function lintMedia(of: Definition): Finding[] {
  if (of.role !== 'media') return [];
  const isAlone = of.constraints.some(
    ({ field, operator, value }) =>
      HOSTNAME.test(field) && (operator === 'UNIQUE' || (operator === 'MAX_PER' && value === '1')),
  );
  if (isAlone) return [];
  return [
    {
      path: of.constraintsPath,
      rule: 'constraint',
      reason: 'two media nodes on one host take RTP ports from the same range',
      expected: '["@hostname", "UNIQUE"]',
      found: of.constraints.length === 0 ? 'nothing' : 'no such constraint',
      todo: 'add the constraint: one media node a host',
    },
  ];
}

/** Only of pods: the victims of an app are named in the call that kills them. */
function lintGroupBy(of: Definition): Finding[] {
  if (of.kind !== 'pod' || of.role === null) return [];
  return of.constraints.flatMap(({ path, field, operator }): Finding[] =>
    operator !== 'GROUP_BY'
      ? []
      : [
          {
            path,
            rule: 'constraint',
            reason:
              'GROUP_BY chooses who dies when a pod is scaled down: not the drained instance, but one that evens out',
            expected: 'MAX_PER or UNIQUE',
            found: `GROUP_BY on ${field}`,
            todo: 'use MAX_PER',
          },
        ],
  );
}
