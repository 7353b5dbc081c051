import type { Parsed } from './account.js';
import { TRANSPORTS } from './node.js';
import type { Transport } from './node.js';

/** A way out to a carrier, and perhaps in from one. */
export interface Trunk {
  readonly name: string;
  /** Host name or IPv4 address. */
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  /** Beginning of the numbers that it carries, `+` and digits; `+` alone = all. */
  readonly prefix: string;
  /** Among trunks of equally long prefixes the higher is tried first. */
  readonly priority: number;
  /** Share of the calls among those of one priority; 0 = no call goes out by it. */
  readonly weight: number;
  /** Calls at once; 0 = no limit. */
  readonly cap: number;
  /** Calls from its address are calls of this trunk and are not challenged. */
  readonly source: boolean;
  /** Characters taken off the beginning of the number, the `+` is one of them; before `add`. */
  readonly strip: number;
  /** Put in front of the number. */
  readonly add: string;
}

export const MAX_PRIORITY = 1000;
export const MAX_WEIGHT = 1000;
export const MAX_CAP = 100_000;
export const MAX_STRIP = 15;
/** Trunks that one call tries at most. */
export const MAX_TRIES = 3;
/** The prefix of a trunk that carries every number. */
export const ALL_NUMBERS = '+';

const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$/;
const HOST = /^(?=.{1,100}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const PREFIX = /^\+[0-9]{0,15}$/;
const ADD = /^\+?[0-9*#]{0,16}$/;
const IPV4 = /^(?:25[0-5]|2[0-4]\d|1\d\d|\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|\d?\d)){3}$/;
const DEFAULT_PORT: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061 };

/** Reads a trunk's name. Pure. */
export function parseTrunkName(text: string): Parsed<string> {
  if (NAME.test(text)) return { kind: 'ok', value: text };
  return fault('a lower-case name of at most 32 letters, digits, dashes and underscores', text);
}

/** Reads `sip:host[:port][;transport=udp|tcp|tls]`. The port defaults to 5060, to 5061 for TLS. Pure. */
export function parseTrunkUri(text: string): Parsed<Pick<Trunk, 'host' | 'port' | 'transport'>> {
  const expected = 'sip:host[:port][;transport=udp|tcp|tls]';
  const match = /^sip:([^:;@?]+)(?::(\d{1,5}))?(?:;transport=([a-z]+))?$/i.exec(text);
  const host = match?.[1]?.toLowerCase();
  const said = (match?.[3] ?? 'udp').toLowerCase();
  const transport = TRANSPORTS.find((known) => known === said);
  if (host === undefined || transport === undefined || !HOST.test(host)) {
    return fault(expected, text);
  }
  // What is all digits and dots must be an address, not a name that looks like one.
  if (/^[\d.]+$/.test(host) && !IPV4.test(host)) return fault('an IPv4 address', host);
  const port = match?.[2] === undefined ? DEFAULT_PORT[transport] : Number(match[2]);
  if (port < 1 || port > 65535) return fault('a port from 1 to 65535', String(port));
  return { kind: 'ok', value: { host, port, transport } };
}

/** Reads a prefix: `+` and at most 15 digits. Pure. */
export function parsePrefix(text: string): Parsed<string> {
  if (text.includes(',')) {
    return fault('one prefix (another trunk to the same address takes another one)', text);
  }
  return PREFIX.test(text)
    ? { kind: 'ok', value: text }
    : fault('a prefix like +44, or + for all numbers', text);
}

/** Reads what is put in front of a number. Pure. */
export function parseAddedDigits(text: string): Parsed<string> {
  return ADD.test(text)
    ? { kind: 'ok', value: text }
    : fault('at most 16 digits, * and #, a + only in front', text);
}

/** What is wrong with a trunk as a whole, though each field by itself is good. Pure. */
export function trunkFaults(trunk: Trunk): string[] {
  const faults: string[] = [];
  if (trunk.weight === 0 && !trunk.source) {
    faults.push('expected --prefix, --source or both, found neither: no call would pass it');
  }
  if (trunk.source && !IPV4.test(trunk.host)) {
    faults.push(
      `expected an IPv4 address in --to with --source (its calls are known by it), found "${trunk.host}"`,
    );
  }
  return faults;
}

/** One trunk that a call to a number may take. */
export interface TrunkTry {
  readonly trunk: Trunk;
  /** 1 = tried first. Trunks of one rank take turns by weight, which is drawn for each call. */
  readonly rank: number;
  /** Share of the rank's calls that it gets first, 0 to 1. */
  readonly share: number;
  /** The number as the carrier gets it. */
  readonly sent: string;
}

/**
 * The trunks that a call to `number` (`+` and digits) may take, in order: longest prefix, then priority, then
 * by weight. A call tries at most MAX_TRIES of them. Empty when none carries it. Pure.
 */
export function triesFor(number: string, trunks: readonly Trunk[]): TrunkTry[] {
  const fitting = trunks
    .filter(({ weight, prefix }) => weight > 0 && number.startsWith(prefix))
    .sort((a, b) => byRank(a, b) || b.weight - a.weight || byName(a, b));
  const tries: TrunkTry[] = [];
  let rank = 0;
  for (const trunk of fitting) {
    const before = tries.at(-1);
    if (before === undefined || byRank(before.trunk, trunk) !== 0) rank++;
    const equals = fitting.filter((other) => byRank(other, trunk) === 0);
    const share = trunk.weight / equals.reduce((sum, { weight }) => sum + weight, 0);
    tries.push({ trunk, rank, share, sent: trunk.add + number.slice(trunk.strip) });
  }
  return tries;
}

/** For a list of all: those of one prefix together, in the order in which they are tried. */
export function byPreference(a: Trunk, b: Trunk): number {
  if (a.prefix !== b.prefix) return a.prefix < b.prefix ? -1 : 1;
  return b.priority - a.priority || b.weight - a.weight || byName(a, b);
}

function byRank(a: Trunk, b: Trunk): number {
  return b.prefix.length - a.prefix.length || b.priority - a.priority;
}

function byName(a: Trunk, b: Trunk): number {
  return a.name < b.name ? -1 : 1;
}

/** The SIP URI of a trunk. */
export function trunkUri({ host, port, transport }: Trunk): string {
  return `sip:${host}:${port}${transport === 'udp' ? '' : `;transport=${transport}`}`;
}

function fault(expected: string, found: string): { readonly kind: 'fault'; readonly why: string } {
  return { kind: 'fault', why: `expected ${expected}, found ${JSON.stringify(found)}` };
}
