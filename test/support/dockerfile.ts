/** One instruction of a Dockerfile, its continued lines joined. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  readonly text: string;
}

/** What a Dockerfile of ours may copy that is not in its folder: gathered by images/build.sh. */
export type Staged = ReadonlySet<string>;

/** The instructions of a Dockerfile, without comments. Pure. */
export function parseDockerfile(text: string): readonly Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^\s*(\w+)\s*(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), text: rest.replace(/\s+/g, ' ').trim() };
    });
}

/**
 * What is wrong with a Dockerfile of ours, one text for each fault; empty when nothing is. `isThere` tells
 * whether a path is in its folder. Pure.
 */
export function dockerfileFaults(
  text: string,
  isThere: (path: string) => boolean,
  staged: Staged,
): readonly string[] {
  const all = parseDockerfile(text);
  return [
    ...fromFaults(all),
    ...copyFaults(all, isThere, staged),
    ...userFaults(all),
    ...secretFaults(all),
    ...all.filter(({ name }) => name === 'RUN').flatMap(({ text: run }) => packageFaults(run)),
    ...(all.some(({ name }) => name === 'HEALTHCHECK') ? [] : ['no HEALTHCHECK']),
    ...all.filter(({ name }) => name === 'ADD').map(() => 'ADD fetches and unpacks: COPY'),
  ];
}

/** Ours, by the tag that build.sh gives, or anybody's by its digest. */
const OWN_IMAGE = /^carna\/[\w-]+:[\w.-]+$/;
const PINNED_IMAGE = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

function fromFaults(all: readonly Instruction[]): string[] {
  const args = new Map(
    all
      .filter(({ name }) => name === 'ARG')
      .map(({ text }) => text.split('=', 2) as [string, string]),
  );
  return all
    .filter(({ name }) => name === 'FROM')
    .map(({ text }) =>
      (text.split(' ')[0] ?? '').replace(/^\$\{(\w+)\}$/, (_, n: string) => args.get(n) ?? ''),
    )
    .filter((image) => !OWN_IMAGE.test(image) && !PINNED_IMAGE.test(image))
    .map((image) => `FROM ${image}: neither ours nor pinned by its digest`);
}

function copyFaults(
  all: readonly Instruction[],
  isThere: (path: string) => boolean,
  staged: Staged,
): string[] {
  return all
    .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from='))
    .flatMap(({ text }) => text.split(' ').slice(0, -1))
    .filter((source) => !isThere(source) && !staged.has(source))
    .map((source) => `COPY ${source}: neither in the folder nor gathered by build.sh`);
}

/** An image made of ours has its user already. */
function userFaults(all: readonly Instruction[]): string[] {
  const users = all.filter(({ name }) => name === 'USER').map(({ text }) => text);
  const isOurs = all.some(({ name, text }) => name === 'ARG' && text.startsWith('CARNA=carna/'));
  const last = users.at(-1) ?? (isOurs ? '10001:10001' : 'root');
  return last === '10001:10001' ? [] : [`USER is ${last}, expected 10001:10001`];
}

const SECRET_NAME = /(?:passw|secret|token|credential|api_?key)/i;
const CREDENTIALS = /:\/\/[^/\s:]*:[^/\s@]+@/;

function secretFaults(all: readonly Instruction[]): string[] {
  const named = all
    .filter(({ name, text }) => ['ARG', 'ENV'].includes(name) && SECRET_NAME.test(text))
    .map(({ name }) => `${name} names a secret: it stays in the image's history`);
  const shown = all.filter(({ text }) => CREDENTIALS.test(text));
  return [...named, ...shown.map(({ name }) => `${name} holds a URL with a password`)];
}

function packageFaults(run: string): string[] {
  const faults: string[] = [];
  for (const [, words = ''] of run.matchAll(/\b(?:apt-get install|apk add)\b([^&|;]*)/g)) {
    const packages = words.split(' ').filter((word) => word !== '' && !word.startsWith('-'));
    for (const name of packages.map((word) => word.replaceAll("'", ''))) {
      if (!/^[\w.+-]+=~?\d[\w.+*-]*$/.test(name)) faults.push(`package ${name} is not pinned`);
    }
  }
  const isCleaned = /rm -rf [^&]*\/var\/lib\/apt\/lists/.test(run);
  if (run.includes('apt-get') && !isCleaned) faults.push('the lists of apt stay in the layer');
  if (run.includes('apk add') && !run.includes('--no-cache')) faults.push('apk keeps its cache');
  if (/\b(?:npm|npx|curl|wget|git clone|make|gcc)\b/.test(run))
    faults.push('builds or fetches in the image');
  return faults;
}
