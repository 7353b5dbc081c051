import { createHash } from 'node:crypto';
import { ProtocolError } from '../../util/errors.js';

/** What a 401 or 407 asks for. */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | null;
  /** True when the credentials were good and only the nonce was not. */
  readonly isStale: boolean;
}

export interface DigestParts {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly cnonce: string;
  /** How often this nonce has been used, from 1. */
  readonly count: number;
}

/** Reads a WWW-Authenticate or Proxy-Authenticate value. Throws ProtocolError unless it is a Digest with MD5 and qop=auth. */
export function parseChallenge(value: string): Challenge {
  if (!/^Digest\s/i.test(value)) throw new ProtocolError('a challenge that is no Digest');
  const parts = new Map(
    [...value.slice('Digest'.length).matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/gi)].map(
      ([, name = '', quoted, bare = '']) => [name.toLowerCase(), quoted ?? bare],
    ),
  );
  const realm = parts.get('realm');
  const nonce = parts.get('nonce');
  const qops = (parts.get('qop') ?? '').split(',').map((qop) => qop.trim());
  const algorithm = parts.get('algorithm') ?? 'MD5';
  if (realm === undefined || nonce === undefined) throw new ProtocolError('a challenge half empty');
  if (!qops.includes('auth') || algorithm.toUpperCase() !== 'MD5') {
    throw new ProtocolError(`a challenge with qop "${qops.join()}" and algorithm "${algorithm}"`);
  }
  const isStale = parts.get('stale')?.toLowerCase() === 'true';
  return { realm, nonce, opaque: parts.get('opaque') ?? null, isStale };
}

/** The value of Authorization or Proxy-Authorization (RFC 2617, MD5, qop=auth). Pure. */
export function digestResponse(challenge: Challenge, parts: DigestParts): string {
  const { realm, nonce, opaque } = challenge;
  const { user, password, method, uri, cnonce } = parts;
  const nc = parts.count.toString(16).padStart(8, '0');
  const secret = md5(`${user}:${realm}:${password}`);
  const response = md5(`${secret}:${nonce}:${nc}:${cnonce}:auth:${md5(`${method}:${uri}`)}`);
  const quoted = { username: user, realm, nonce, uri, response, cnonce };
  return [
    ...Object.entries(quoted).map(([name, value]) => `${name}="${value}"`),
    ...(opaque === null ? [] : [`opaque="${opaque}"`]),
    'algorithm=MD5',
    'qop=auth',
    `nc=${nc}`,
  ]
    .join(', ')
    .replace(/^/, 'Digest ');
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
