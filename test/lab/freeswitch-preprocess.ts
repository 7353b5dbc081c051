import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A configuration as FreeSWITCH reads it: `preprocess` of switch_xml.c, line by line. Variables are expanded
 * before a directive is looked for, a line with `<include>`, `</include>` or `<?` is dropped, and of a line
 * with a directive nothing else is kept.
 */
export function preprocess(
  file: string,
  env: Readonly<Record<string, string>>,
  variables = new Map<string, string>(),
): string {
  const out: string[] = [];
  for (const raw of readFileSync(file, 'utf8').split('\n')) {
    const line = raw.replace(/\$\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? '');
    if (/<include>|<\/include>|<\?/.test(raw)) continue;
    const directive = /<X-PRE-PROCESS cmd="([\w-]+)" data="([^"]*)"\/>/.exec(line);
    if (directive === null) {
      out.push(line);
      continue;
    }
    const [, command = '', data = ''] = directive;
    if (command === 'include') {
      out.push(...glob(join(dirname(file), data)).map((f) => preprocess(f, env, variables)));
    } else set(command, data, env, variables);
  }
  return out.join('\n');
}

function set(
  command: string,
  data: string,
  env: Readonly<Record<string, string>>,
  variables: Map<string, string>,
): void {
  const at = data.indexOf('=');
  const [name, value] = [data.slice(0, at), data.slice(at + 1)];
  if (command === 'set') variables.set(name, value);
  else if (command === 'exec-set') {
    const told = execFileSync('/bin/sh', ['-c', value], { env, encoding: 'utf8' });
    if (told !== '') variables.set(name, told.trimEnd());
  } else if (command === 'env-set') {
    const found = env[value.slice(1)];
    if (found !== undefined) variables.set(name, found);
  } else throw new Error(`unknown directive ${command}`);
}

/** Files of a pattern whose last part alone may hold a star. */
function glob(pattern: string): readonly string[] {
  const name = new RegExp(
    `^${basename(pattern)
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace('*', '.*')}$`,
  );
  return readdirSync(dirname(pattern))
    .filter((file) => name.test(file) && !file.startsWith('.'))
    .sort()
    .map((file) => join(dirname(pattern), file));
}
