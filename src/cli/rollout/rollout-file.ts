import type { AppWanted } from '../../marathon/deploy/group-apps.js';
import { appsOfGroup, appWanted, isObject } from '../../marathon/deploy/group-apps.js';
import { UsageError } from '../../util/errors.js';
import type { LintedFile } from '../lint-files.js';
import { lintFacts, readLinted } from '../lint-files.js';

/** The definition of one app in a file; or what is wrong with the file. */
export type AppFile =
  | { readonly kind: 'good'; readonly wanted: AppWanted }
  | { readonly kind: 'bad'; readonly linted: LintedFile };

/** Reads and lints a file: a group that names the app, or the app alone. Throws UsageError when it is not in it. */
export function readAppFile(file: string, appId: string): AppFile {
  const { linted, document } = readLinted(file, lintFacts());
  if (linted.error !== null || linted.findings.length > 0) return { kind: 'bad', linted };
  const group = appId.slice(0, appId.lastIndexOf('/'));
  const apps = !isObject(document)
    ? []
    : linted.kind === 'group'
      ? appsOfGroup(document)
      : linted.kind === 'app'
        ? [appWanted(document, group)]
        : [];
  const wanted = apps.find(({ id }) => id === appId);
  if (wanted !== undefined) return { kind: 'good', wanted };
  const names = apps.map(({ id }) => id).join(', ');
  throw new UsageError(
    `${file}: expected ${appId} in it, found ${names === '' ? 'no app' : names}`,
  );
}
