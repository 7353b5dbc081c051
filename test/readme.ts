import { readFileSync } from 'node:fs';
import { AGENT_VARIABLES } from '../src/config/agent.js';
import { CLI_VARIABLES } from '../src/config/cli.js';
import { INIT_VARIABLES } from '../src/config/init.js';
import { RECONCILER_VARIABLES } from '../src/config/reconciler.js';
import type { VariableDoc, VariableTable } from '../src/config/variables.js';
import { describeVariables } from '../src/config/variables.js';

const READERS: readonly (readonly [string, VariableTable])[] = [
  ['agent', AGENT_VARIABLES],
  ['reconciler', RECONCILER_VARIABLES],
  ['init', INIT_VARIABLES],
  ['operators', CLI_VARIABLES],
];

interface Line extends VariableDoc {
  readonly readers: string[];
}

/** README's table of settings, from the tables that the programs read. */
export function settingsTable(): string {
  const lines = new Map<string, Line>();
  for (const [reader, table] of READERS) {
    for (const doc of describeVariables(table)) {
      const key = `${doc.name} ${doc.fallback ?? ''}`;
      const known = lines.get(key);
      if (known === undefined) lines.set(key, { ...doc, readers: [reader] });
      else known.readers.push(reader);
    }
  }
  const rows = [...lines.values()].map((line) => {
    const fallback = line.fallback ?? (line.isRequired ? 'required' : '–');
    const expected = line.expected.replaceAll('|', '\\|');
    return `| \`${line.name}\` | ${line.readers.join(', ')} | ${fallback} | ${line.meaning}; ${expected} |`;
  });
  return [
    '| variable | read by | default | meaning; expected |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** README's table of error codes, from the catalogue's own comments. */
export function errorTable(): string {
  const source = readFileSync('src/util/errors.ts', 'utf8');
  const classes = source.matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport class \w+ extends CarnaError \{\n {2}readonly code = '(CARNA_\w+)';/g,
  );
  const rows = [...classes].map(([, comment = '', code = '']) => {
    const text = comment.replaceAll(/\s*\n\s*\*\s?/g, ' ').trim();
    return `| \`${code}\` | ${text} |`;
  });
  return ['| code | meaning |', '|---|---|', ...rows].join('\n');
}

/** README with both tables in their places. */
export function readmeWithTables(readme: string): string {
  const put = (text: string, name: string, table: string): string =>
    text.replace(
      new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`),
      () => `<!-- ${name} -->\n\n${table}\n\n<!-- /${name} -->`,
    );
  return put(put(readme, 'settings', settingsTable()), 'errors', errorTable());
}
