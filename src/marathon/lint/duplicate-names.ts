import type { Finding } from './finding.js';
import { memberPath } from './json.js';

type Level =
  | { readonly kind: 'object'; readonly path: string; readonly names: Set<string>; name: string }
  | { readonly kind: 'list'; readonly path: string; index: number };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * Members that stand twice in one object of a JSON text: whoever reads it keeps one of them in silence.
 * `text` must be valid JSON.
 */
export function duplicateNames(text: string): Finding[] {
  const findings: Finding[] = [];
  const levels: Level[] = [];
  let isName = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === '{' || token === '[') {
      const path = level === undefined ? '' : placeIn(level);
      isName = token === '{';
      if (token === '{') levels.push({ kind: 'object', path, names: new Set(), name: '' });
      else levels.push({ kind: 'list', path, index: 0 });
    } else if (token === '}' || token === ']') {
      levels.pop();
      isName = false;
    } else if (token === ',') {
      isName = level?.kind === 'object';
      if (level?.kind === 'list') level.index++;
    } else if (token === ':') {
      isName = false;
    } else if (isName && level?.kind === 'object') {
      level.name = JSON.parse(token) as string;
      if (level.names.has(level.name)) findings.push(twice(placeIn(level), level.name));
      level.names.add(level.name);
    }
  }
  return findings;
}

function placeIn(level: Level): string {
  return level.kind === 'object'
    ? memberPath(level.path, level.name)
    : `${level.path}[${level.index}]`;
}

function twice(path: string, name: string): Finding {
  return {
    path,
    rule: 'duplicate-field',
    reason: 'of two members with one name Marathon keeps one and drops the other, without a word',
    expected: `"${name}" once`,
    found: 'twice',
    todo: 'keep one',
  };
}
