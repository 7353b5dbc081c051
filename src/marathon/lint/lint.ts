import { APP } from '../app-fields.js';
import { object } from '../field-types.js';
import type { FieldType } from '../field-types.js';
import { GROUP } from '../group-fields.js';
import { POD } from '../pod-fields.js';
import { definitionOf } from './definition.js';
import type { Finding, LintFacts } from './finding.js';
import { below, isList, isObject, itemsOf, shown, textOf } from './json.js';
import type { At, Json } from './json.js';
import { lintContainer } from './lint-container.js';
import { lintDrainGrace } from './lint-drain-grace.js';
import { lintEnvironment } from './lint-environment.js';
import { lintHealth } from './lint-health.js';
import { lintNetwork } from './lint-network.js';
import { lintPorts } from './lint-ports.js';
import { lintReadiness } from './lint-readiness.js';
import { lintScheduling } from './lint-scheduling.js';
import { lintSecrets } from './lint-secrets.js';
import { checkStructure } from './structure.js';

/** What a file holds. `apps`: a list, as /v2/apps takes it. */
export type DefinitionKind = 'app' | 'apps' | 'group' | 'pod';

/** Groups inside groups beyond which nobody looks. */
const MAX_DEPTH = 32;

/** By its members: a pod has containers, a group apps or groups; everything else counts as an app. */
export function kindOf(document: Json): DefinitionKind {
  if (isList(document)) return 'apps';
  if (!isObject(document)) return 'app';
  const has = (name: string): boolean => Object.hasOwn(document, name);
  if (has('containers')) return 'pod';
  return ['apps', 'groups', 'pods', 'scaleBy', 'enforceRole'].some(has) ? 'group' : 'app';
}

/**
 * Everything in an app, a list of apps, a group or a pod that Marathon would drop in silence or refuse, and
 * what would cost calls on a platform of Carna. Empty = nothing to say. Pure.
 */
export function lintDefinition(document: Json, facts: LintFacts): Finding[] {
  const top: At = { path: '', value: document };
  const kind = kindOf(document);
  return kind === 'apps'
    ? itemsOf(top).flatMap((app) => lintOne('app', app, facts))
    : kind === 'group'
      ? [
          ...checkStructure(
            top,
            object(() => GROUP),
          ),
          ...lintGroup(top, '', facts, 0),
        ]
      : lintOne(kind, top, facts);
}

function lintOne(kind: 'app' | 'pod', top: At, facts: LintFacts): Finding[] {
  const type: FieldType = object(() => (kind === 'app' ? APP : POD));
  return [...checkStructure(top, type), ...lintRules(kind, top, facts)];
}

/** A wrong type is told once, by the structure: the rules pass over what they cannot read. */
function lintRules(kind: 'app' | 'pod', top: At, facts: LintFacts): Finding[] {
  if (!isObject(top.value)) return [];
  const of = definitionOf(kind, top);
  return [
    ...lintContainer(of),
    ...lintNetwork(of),
    ...lintPorts(of),
    ...lintHealth(of, facts),
    ...lintReadiness(of),
    ...lintDrainGrace(of, facts),
    ...lintScheduling(of),
    ...lintEnvironment(of, facts),
    ...lintSecrets(of, facts),
  ];
}

function lintGroup(group: At, parent: string, facts: LintFacts, depth: number): Finding[] {
  if (depth > MAX_DEPTH || !isObject(group.value)) return [];
  const id = absolute(textOf(below(group, 'id')) ?? '', parent);
  const apps = itemsOf(below(group, 'apps'));
  const groups = itemsOf(below(group, 'groups'));
  return [
    ...lintAction(
      below(group, 'scaleBy'),
      'it multiplies every app below and ignores the rest of the file',
    ),
    ...lintAction(
      below(group, 'version'),
      'it rolls back to that version and ignores the rest of the file',
    ),
    ...lintIds([...apps, ...groups], id),
    ...apps.flatMap((app) => lintRules('app', app, facts)),
    ...groups.flatMap((one) => lintGroup(one, id, facts, depth + 1)),
  ];
}

function lintAction(at: At, reason: string): Finding[] {
  if (at.value === undefined) return [];
  const found = shown(at.value);
  return [{ path: at.path, rule: 'group', reason, expected: 'nothing', found, todo: 'remove it' }];
}

function absolute(id: string, parent: string): string {
  const path = id.startsWith('/') ? id : `${parent}/${id}`;
  return path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

/** Ids below the group, each once. */
function lintIds(members: readonly At[], group: string): Finding[] {
  const seen = new Set<string>();
  return members.flatMap((member): Finding[] => {
    const place = below(member, 'id');
    const text = textOf(place);
    if (text === null) return [];
    const id = absolute(text, group);
    const isBelow = group === '/' || id.startsWith(`${group}/`);
    const isTwice = seen.has(id);
    seen.add(id);
    if (isBelow && !isTwice) return [];
    const reason = isTwice
      ? 'the id stands twice in the group: one of the definitions is lost'
      : `Marathon refuses an id outside of its group ${group}`;
    const expected = isTwice ? 'each id once' : `an id below ${group}`;
    return [
      { path: place.path, rule: 'group', reason, expected, found: `"${text}"`, todo: 'rename it' },
    ];
  });
}
