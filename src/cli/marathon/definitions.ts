import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LintFacts } from '../../marathon/lint/finding.js';
import type { Finding } from '../../marathon/lint/finding.js';
import { lintDefinition } from '../../marathon/lint/lint.js';
import type { JsonObject } from '../../marathon/lint/json.js';
import { renderApp } from '../../marathon/render/app.js';
import { renderGroup } from '../../marathon/render/group.js';
import { renderPod } from '../../marathon/render/pod.js';
import type { AppName, Values } from '../../marathon/render/values.js';
import { APP_NAMES, RECONCILER } from '../../marathon/render/values.js';
import { messageOf, MissingPartError, UsageError } from '../../util/errors.js';

/** A definition and the file that it belongs into. */
export interface Rendered {
  readonly file: string;
  readonly definition: JsonObject;
}

/** What is asked for. */
export interface Asked {
  /** Null = all. */
  readonly app: AppName | null;
  /** The group and beside it each app by itself; false = the group alone. */
  readonly isForFolder: boolean;
  /** Nodes as pods; the reconciler is an app in any case. */
  readonly isPods: boolean;
}

/** The group of a data centre, or one app of it. Throws UsageError for what Marathon cannot take. */
export function renderDefinitions(
  values: Values,
  { app, isForFolder, isPods }: Asked,
): readonly Rendered[] {
  if (isPods && values.sipInterface !== null) {
    throw new UsageError('sipInterface does not work with --pods: their servers know HOST alone');
  }
  const one = (name: AppName): Rendered => renderOne(values, name, isPods);
  if (app !== null) return [one(app)];
  if (isPods && !isForFolder) {
    throw new UsageError('Marathon takes no pods in a group: name one with --role, or use --out');
  }
  const names = isPods ? ([RECONCILER] as const) : APP_NAMES;
  const group = { file: 'group.json', definition: renderGroup(values, names) };
  return isForFolder ? [group, ...APP_NAMES.map(one)] : [group];
}

function renderOne(values: Values, name: AppName, isPods: boolean): Rendered {
  return isPods && name !== RECONCILER
    ? { file: `${name}.pod.json`, definition: renderPod(values, name) }
    : { file: `${name}.json`, definition: renderApp(values, name) };
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
