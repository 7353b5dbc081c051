import { InvalidInputError } from '../util/errors.js';

export interface ZkServer {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly ZkServer[];
  /** Path below which everything of ours lives; empty = none, else `/a/b`. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;
const HOST = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/;

/**
 * Reads `host:port,host:port/chroot`. Spaces around names are trimmed, a missing port is 2181.
 *
 * Throws InvalidInputError, naming the part: no server, a bad host or port, an IPv6 literal (the
 * platform's agents have none), a bad chroot. Pure.
 */
export function parseConnectString(text: string): ConnectString {
  const trimmed = text.trim();
  const slash = trimmed.indexOf('/');
  const list = slash === -1 ? trimmed : trimmed.slice(0, slash);
  const servers = list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseServer);
  if (servers.length === 0) throw refused('it names no server', text);
  return { servers, chroot: slash === -1 ? '' : parseChroot(trimmed.slice(slash)) };
}

function parseServer(part: string): ZkServer {
  if (part.includes('[') || part.split(':').length > 2) {
    throw refused('IPv6 addresses are not supported here, use a host name', part);
  }
  const [host = '', portText] = part.split(':');
  if (!HOST.test(host)) throw refused('not a host name or IPv4 address', host);
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  if (!/^\d+$/.test(portText ?? '0') || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw refused('a port is a number from 1 to 65535', part);
  }
  return { host, port };
}

function parseChroot(text: string): string {
  const path = text.trim().replace(/\/$/, '');
  const segments = path.split('/').slice(1);
  if (segments.some((segment) => /^\.{0,2}$/.test(segment) || /\s/.test(segment))) {
    throw refused('the chroot is not a path like /carna', text);
  }
  return path;
}

function refused(why: string, part: string): InvalidInputError {
  return new InvalidInputError('ZooKeeper connect string', `${why}: ${JSON.stringify(part)}`);
}

/** So that clients spread over the servers. `random` gives [0, 1). Pure. */
export function inRandomOrder<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
