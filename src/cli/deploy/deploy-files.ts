import { appsOfGroup, groupIdOf, isObject } from '../../marathon/deploy/group-apps.js';
import { UsageError } from '../../util/errors.js';
import type { LintedFile } from '../lint-files.js';
import { lintFacts, readLinted } from '../lint-files.js';
import type { GroupFile } from './look-at-group.js';

/** Files that may be deployed; or what is wrong with them. */
export type GroupFiles =
  | { readonly kind: 'good'; readonly groups: readonly GroupFile[] }
  | { readonly kind: 'bad'; readonly linted: readonly LintedFile[] };

/**
 * Reads and lints the files. Throws UsageError for what is no group, and for two files of one group or of groups
 * in each other: Marathon takes a group as the whole, so the second would remove what the first brought.
 */
export function readGroups(files: readonly string[]): GroupFiles {
  const facts = lintFacts();
  const read = files.map((file) => readLinted(file, facts));
  const linted = read.map((one) => one.linted);
  if (linted.some(({ error, findings }) => error !== null || findings.length > 0)) {
    return { kind: 'bad', linted };
  }
  const groups = read.map(({ document, linted: { file, kind } }): GroupFile => {
    if (kind === 'group' && isObject(document)) return { file, definition: document };
    throw new UsageError(
      `${file}: expected a group, found ${kind ?? 'nothing'}; for the app of one role: carna rollout ROLE FILE`,
    );
  });
  const ids = groups.map(({ definition }) => `${groupIdOf(definition)}/`);
  ids.forEach((id, k) => {
    const other = ids.findIndex((one, at) => at !== k && id.startsWith(one));
    if (other < 0) return;
    throw new UsageError(
      `${files[k] ?? ''} and ${files[other] ?? ''} are of one group: the second would remove the apps of the first`,
    );
  });
  return { kind: 'good', groups };
}

/**
 * Throws UsageError for a group with SIP nodes that is not `own`, the configured one: they are in another registry
 * than ours, in which nothing of them would seem to be in service.
 */
export function checkGroups(groups: readonly GroupFile[], own: string): void {
  for (const { file, definition } of groups) {
    const id = groupIdOf(definition);
    if (id === own || appsOfGroup(definition).every(({ role }) => role === null)) continue;
    throw new UsageError(
      `${file}: expected the group ${own} (CARNA_MARATHON_GROUP; unset: CARNA_CLUSTER and CARNA_DC), found ${id}; ` +
        'with the settings of its own data centre it can be deployed',
    );
  }
}
