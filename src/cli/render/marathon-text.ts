import type { Finding } from '../../marathon/lint/finding.js';
import type { FileFault } from '../marathon/read-values.js';
import type { Painter } from './colour.js';
import { printable } from './colour.js';
import { plural } from './units.js';

/** The mistakes of a values file, one a line. */
export function faultsText(file: string, faults: readonly FileFault[], paint: Painter): string[] {
  return [
    paint.bad(`✘ ${plural(faults.length, 'mistake')} in ${printable(file)}`),
    ...faults.map(({ line, path, what }) => {
      const place = `${path === '' ? 'the whole file' : path}${line === null ? '' : ` (line ${line})`}`;
      return `  ✘ ${paint.bold(printable(place))}  ${printable(what)}`;
    }),
  ];
}

/** What lint found in definitions that these values make. */
export function findingsText(
  file: string,
  findings: readonly (Finding & { readonly file: string })[],
  paint: Painter,
): string[] {
  const count = plural(findings.length, 'mistake');
  return [
    paint.bad(
      `✘ with ${printable(file)} the definitions would have ${count}; nothing was rendered`,
    ),
    ...findings.flatMap(({ file: of, path, rule, reason, expected, found, todo }) => [
      `  ✘ ${paint.bold(printable(`${of}: ${path}`))}  ${paint.dim(rule)}`,
      `      ${printable(reason)}`,
      `      expected ${printable(expected)}`,
      `      found    ${printable(found)}`,
      `      do       ${printable(todo)}`,
    ]),
  ];
}
