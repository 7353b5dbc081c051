import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LintFacts } from '../../marathon/lint/finding.js';
import type { Finding } from '../../marathon/lint/finding.js';
import { lintDefinition } from '../../marathon/lint/lint.js';
import type { JsonObject } from '../../marathon/lint/json.js';
import { renderApp } from '../../marathon/render/app.js';
import { renderGroup } from '../../marathon/render/group.js';
import type { AppName, Values } from '../../marathon/render/values.js';
import { APP_NAMES } from '../../marathon/render/values.js';
import { messageOf, MissingPartError } from '../../util/errors.js';

/** A definition and the file that it belongs into. */
export interface Rendered {
  readonly file: string;
  readonly definition: JsonObject;
}

/** The group, or one app of it; for a folder the group and each app. Pure. */
export function renderDefinitions(
  values: Values,
  app: AppName | null,
  isForFolder: boolean,
): readonly Rendered[] {
  const appOf = (name: AppName): Rendered => {
    return { file: `${name}.json`, definition: renderApp(values, name) };
  };
  if (app !== null) return [appOf(app)];
  const group = { file: 'group.json', definition: renderGroup(values) };
  return isForFolder ? [group, ...APP_NAMES.map(appOf)] : [group];
}

/** What `carna lint` finds in them. */
export function lintRendered(
  rendered: readonly Rendered[],
  facts: LintFacts,
): readonly (Finding & { readonly file: string })[] {
  return rendered.flatMap(({ file, definition }) =>
    lintDefinition(definition, facts).map((finding) => ({ ...finding, file })),
  );
}

/** As it is printed and written: members in the order of the definition. */
export function definitionText(definition: JsonObject): string {
  return JSON.stringify(definition, null, 2);
}

/** Writes each into its file. Throws MissingPartError. */
export function writeDefinitions(folder: string, rendered: readonly Rendered[]): string[] {
  try {
    mkdirSync(folder, { recursive: true });
    return rendered.map(({ file, definition }) => {
      const path = join(folder, file);
      writeFileSync(path, `${definitionText(definition)}\n`);
      return path;
    });
  } catch (err) {
    throw new MissingPartError(
      `cannot write to ${folder}: ${messageOf(err)}`,
      'name another folder with --out',
    );
  }
}
