import type { Definition } from './definition.js';
import type { Finding, LintFacts } from './finding.js';
import { below, isObject, itemsOf, membersOf, textOf } from './json.js';
import type { At } from './json.js';
import { assignsSecret, isSecretName } from './secret-names.js';

const PASSWORD_IN_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s/@]+@/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const NOT_SHOWN = 'a secret (not shown)';

/** Whoever may read a definition or a task's environment would read the secret. */
export function lintSecrets(of: Definition, facts: LintFacts): Finding[] {
  const named = [...of.environments, ...of.labels]
    .flatMap(membersOf)
    .flatMap((member) => lintNamed(member, facts));
  const seen = new Set(named.map(({ path }) => path));
  return [
    ...named,
    ...lintTexts(of.top).filter(({ path }) => !seen.has(path)),
    ...lintReferences(of),
  ];
}

function lintNamed(member: At & { readonly name: string }, facts: LintFacts): Finding[] {
  const value = textOf(member);
  if (value === null || value === '') return [];
  const isKnown = facts.secretVariables.has(member.name) && !member.name.endsWith('_URL');
  // Others' variables with such a name may hold the path of a file; ours have a name of its own for it.
  const isNamed = isSecretName(member.name) && !value.startsWith('/');
  if (!isKnown && !isNamed) return [];
  return [inTheOpen(member.path, member.name)];
}

function inTheOpen(path: string, name: string | null): Finding {
  const isCarna = name?.startsWith('CARNA_') === true;
  return {
    path,
    rule: 'secret',
    reason:
      'everybody who may read the definition, the task’s environment or Marathon’s events reads it',
    expected: 'no secret in a definition',
    found: NOT_SHOWN,
    todo: isCarna
      ? `mount a file read-only from the host and name it in ${name}_FILE`
      : 'mount a file read-only from the host, or fetch one',
  };
}

/** URLs with a password, private keys and NAME=value of a secret name, wherever they stand. */
function lintTexts(at: At): Finding[] {
  const value = textOf(at);
  if (value !== null) {
    const isOpen = PASSWORD_IN_URL.test(value) || PRIVATE_KEY.test(value) || assignsSecret(value);
    if (!isOpen) return [];
    const name = /(?:^|\.)(CARNA_[A-Z_]+)$/.exec(at.path)?.[1] ?? null;
    return [inTheOpen(at.path, name)];
  }
  return (isObject(at.value) ? membersOf(at) : itemsOf(at)).flatMap(lintTexts);
}

/** References to secrets work only with a plugin that plain Marathon does not have. */
function lintReferences(of: Definition): Finding[] {
  const used = of.environments
    .flatMap(membersOf)
    .filter((member) => isObject(member.value) && 'secret' in member.value);
  const secrets = below(of.top, 'secrets');
  const places = membersOf(secrets).length === 0 ? used : [...used, secrets];
  return places.map(({ path }) => ({
    path,
    rule: 'secret',
    reason: 'Marathon has no secrets of its own: without a plugin the task never starts',
    expected: 'a path to a file',
    found: 'a reference to a secret',
    todo: 'mount a file read-only from the host and name it in the variable with _FILE at its end',
  }));
}
