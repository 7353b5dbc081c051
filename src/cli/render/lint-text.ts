import type { LintedFile } from '../lint-files.js';
import { printable } from './colour.js';
import type { Painter } from './colour.js';

const ofKind = { app: 'app', apps: 'list of apps', group: 'group', pod: 'pod' } as const;

/** The answer, then each file with its findings. */
export function lintText(files: readonly LintedFile[], paint: Painter): string[] {
  return [headline(files, paint), ...files.flatMap((file) => fileText(file, paint))];
}

function headline(files: readonly LintedFile[], paint: Painter): string {
  const findings = files.reduce((sum, file) => sum + file.findings.length, 0);
  const unread = files.filter(({ error }) => error !== null).length;
  const checked = count(files.length - unread, 'file');
  const unreadText = unread === 0 ? '' : `, ${count(unread, 'file')} could not be read`;
  if (findings === 0 && unread === 0) return paint.good(`✔ nothing found in ${checked}`);
  if (unread === files.length) return paint.bad(`✘ ${count(unread, 'file')} could not be read`);
  const found = findings === 0 ? 'nothing' : count(findings, 'mistake');
  return paint.bad(`✘ ${found} found in ${checked}${unreadText}`);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function fileText(linted: LintedFile, paint: Painter): string[] {
  const name = printable(linted.file);
  if (linted.error !== null || linted.kind === null) {
    return ['', `${paint.bold(name)} ${printable(linted.error ?? '')}`];
  }
  if (linted.findings.length === 0) return [];
  const head = `${paint.bold(name)} (${ofKind[linted.kind]})`;
  const findings = linted.findings.flatMap(({ path, rule, reason, expected, found, todo }) => [
    `  ${paint.bad('✘')} ${paint.bold(printable(path === '' ? 'the whole file' : path))}  ${paint.dim(rule)}`,
    `      ${printable(reason)}`,
    `      expected ${printable(expected)}`,
    `      found    ${printable(found)}`,
    `      do       ${printable(todo)}`,
  ]);
  return ['', head, ...findings];
}
