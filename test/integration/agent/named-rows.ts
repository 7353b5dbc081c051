import type { DispatcherRow } from '../../../src/topology/dispatcher-row.js';
import type { LiveDestination } from '../../../src/topology/live-destination.js';

/** What a test says of a row; the flags are 8 unless told otherwise. */
export type NamedRow = readonly [
  name: string,
  flags?: number,
  attrs?: string,
  description?: string,
];

/** A row of set 30 whose destination, on the loopback net of a test, is called by a letter: a is .100, b is .101. */
export function namedRow(
  net: string,
  ...[name, flags = 8, attrs = '', description = 'carna:x']: NamedRow
): DispatcherRow {
  const destination = `sip:${net}.${100 + (name.charCodeAt(0) - 97)}:5080`;
  return { setid: 30, destination, flags, priority: 0, attrs, description };
}

/** A live list as words: a=AP b=DX. */
export function listInWords(net: string, list: readonly LiveDestination[]): string {
  return list
    .map((dest) => `${nameOf(net, dest.destination)}=${dest.letters}`)
    .sort()
    .join(' ');
}

function nameOf(net: string, destination: string): string {
  const last = new RegExp(`^sip:${net}\\.(1\\d\\d):5080$`).exec(destination)?.[1];
  return last === undefined ? destination : String.fromCharCode(Number(last) - 3);
}
