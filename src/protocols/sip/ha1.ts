import { createHash } from 'node:crypto';

/** What a registrar keeps in place of a password. */
export interface DigestHashes {
  /** Of `user:realm:password` (RFC 2617, A1). */
  readonly ha1: string;
  /** The same for phones that send `user@domain` as the user name. */
  readonly ha1b: string;
}

/** The hashes of a password, 32 hex digits each; text counts as UTF-8. The realm is the domain. Pure. */
export function digestHashes(user: string, domain: string, password: string): DigestHashes {
  return {
    ha1: md5(`${user}:${domain}:${password}`),
    ha1b: md5(`${user}@${domain}:${domain}:${password}`),
  };
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}
