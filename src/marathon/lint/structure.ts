import { nearest } from '../../util/closest.js';
import type { FieldType, Shape } from '../field-types.js';
import type { Finding } from './finding.js';
import { itemsOf, isObject, membersOf, memberPath, shown } from './json.js';
import type { At } from './json.js';
import { isSecretName } from './secret-names.js';
import { expectedOf, isExpected, valueHint } from './value-words.js';

/** How far a misspelt member may be from a known one. */
const MAX_EDITS = 4;

/** Members that people look for at the wrong level. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  pods: 'a group cannot change pods: post each one to /v2/pods in a file of its own',
  forcePull: 'in an app: container.docker.forcePullImage',
  env: 'in a pod: "environment"',
  environment: 'in an app: "env"',
  taskKillGracePeriodSeconds: 'in a pod: containers[].lifecycle.killGracePeriodSeconds',
  requirePorts: 'it belongs to the top of an app',
};

/** Compares a value with its type, down to the leaves: unknown, missing and wrong members. */
export function checkStructure(at: At, type: FieldType): Finding[] {
  switch (type.kind) {
    case 'object':
      return isObject(at.value) ? checkObject(at, type.shape()) : [wrongValue(at, type)];
    case 'list': {
      const items = itemsOf(at);
      if (!isExpected(at.value, type)) return [wrongValue(at, type)];
      return items.flatMap((item) => checkStructure(item, type.of));
    }
    case 'map': {
      if (!isObject(at.value)) return [wrongValue(at, type)];
      const names = type.names === null ? null : new RegExp(type.names);
      return membersOf(at).flatMap((member) => [
        ...(names === null || names.test(member.name) ? [] : [wrongName(member, type.names)]),
        ...checkStructure(member, type.of),
      ]);
    }
    case 'either':
      return checkEither(at, type.of);
    case 'gone':
      return [goneField(at, type.instead)];
    case 'text':
    case 'number':
    case 'flag':
    case 'words':
      return isExpected(at.value, type) ? [] : [wrongValue(at, type)];
  }
}

/** The findings of the type that comes closest. */
function checkEither(at: At, types: readonly FieldType[]): Finding[] {
  const isCompound = typeof at.value === 'object' && at.value !== null;
  const attempts = types
    .filter((type) => (type.kind === 'object') === isCompound)
    .map((type) => checkStructure(at, type));
  const [first] = attempts.sort((a, b) => a.length - b.length);
  return first ?? [wrongValue(at, { kind: 'either', of: types })];
}

function checkObject(at: At, shape: Shape): Finding[] {
  const members = membersOf(at);
  const present = new Set(members.map(({ name }) => name));
  const missing = shape.required
    .filter((name) => !present.has(name))
    .map((name): Finding => missingField(at, name, shape));
  const found = members.flatMap((member) => {
    const type = Object.hasOwn(shape.fields, member.name) ? shape.fields[member.name] : undefined;
    return type === undefined ? [unknownField(member, shape)] : checkStructure(member, type);
  });
  return [...missing, ...found];
}

function unknownField(member: At & { readonly name: string }, shape: Shape): Finding {
  const usable = Object.entries(shape.fields).flatMap(([name, type]) =>
    type.kind === 'gone' ? [] : [name],
  );
  const edits = Math.min(MAX_EDITS, Math.ceil(member.name.length / 3));
  const meant = nearest(member.name, usable, edits);
  const elsewhere = Object.hasOwn(ELSEWHERE, member.name) ? ELSEWHERE[member.name] : undefined;
  return {
    path: member.path,
    rule: 'unknown-field',
    reason: 'Marathon drops a member that it does not know, without a word',
    expected: meant === null ? `a member of ${shape.name}` : `"${meant}"`,
    found: `"${member.name}"`,
    todo:
      meant === null
        ? (elsewhere ?? `remove it, or use one of: ${usable.join(', ')}`)
        : `rename it to "${meant}"`,
  };
}

function missingField(at: At, name: string, shape: Shape): Finding {
  return {
    path: memberPath(at.path, name),
    rule: 'missing-field',
    reason: `Marathon refuses ${shape.name} without it`,
    expected: `"${name}"`,
    found: 'nothing',
    todo: `add "${name}"`,
  };
}

function goneField(at: At, instead: string): Finding {
  return {
    path: at.path,
    rule: 'gone-field',
    reason: 'this form is of an older Marathon: it is refused, or read as something else',
    expected: 'nothing here',
    found: shownSafely(at),
    todo: instead,
  };
}

function wrongName(member: At & { readonly name: string }, pattern: string | null): Finding {
  return {
    path: member.path,
    rule: 'value',
    reason: 'Marathon refuses a name of this form',
    expected: `a name like ${pattern ?? 'any'}`,
    found: `"${member.name}"`,
    todo: 'rename it',
  };
}

function wrongValue(at: At, type: FieldType): Finding {
  const hint = valueHint(at.value, type);
  return {
    path: at.path,
    rule: 'value',
    reason:
      at.value === null
        ? 'null is read as absent: the default is used'
        : 'Marathon refuses the definition, or reads another value than the one written',
    expected: expectedOf(type),
    found: shownSafely(at),
    todo: hint ?? (at.value === null ? 'give it a value, or remove it' : 'correct the value'),
  };
}

/** A wrong value may be a secret all the same. */
function shownSafely(at: At): string {
  return isSecretName(at.path) ? 'a value that is not shown' : shown(at.value);
}
