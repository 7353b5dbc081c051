/** A user of the platform: `user@domain`, both in lower case, as Kamailio compares them. */
export interface Aor {
  readonly user: string;
  readonly domain: string;
}

/** Either what a text says, or why it says nothing: what was expected, and what was found. */
export type Parsed<T> =
  { readonly kind: 'ok'; readonly value: T } | { readonly kind: 'fault'; readonly why: string };

/** Columns `username` and `domain` of Kamailio's tables hold so many characters. */
const MAX_PART = 64;
const USER = /^[a-z0-9](?:[a-z0-9._~-]{0,62}[a-z0-9])?$/;
const DOMAIN =
  /^(?=.{1,64}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const E164 = /^\+[1-9][0-9]{4,14}$/;
/** What media nodes answer themselves: a user of such a name could never be called. */
const SERVICE = /^(?:echo|tone|park|load|record|conf-[a-z0-9-]{1,32}|ct_[0-9a-f]{32})$/;

/** `user@domain` as text. */
export function aorText({ user, domain }: Aor): string {
  return `${user}@${domain}`;
}

/**
 * Reads the name that a new user shall have; `sip:` in front is taken off.
 *
 * A fault for what no call could ever reach: capitals (Kamailio looks up in lower case), numbers (they go to
 * trunks; a user has them beside its name), names of services, addresses in place of the domain. Pure.
 */
export function parseAor(text: string): Parsed<Aor> {
  const plain = text.replace(/^sips?:/, '');
  const at = plain.indexOf('@');
  if (at < 0) return fault('user@domain', text);
  const user = plain.slice(0, at);
  const domain = plain.slice(at + 1);
  if (isNumber(user)) return fault('a name; a number is given to it by --number', user);
  if (user.length > MAX_PART || !USER.test(user)) {
    return fault('a user of at most 64 lower-case letters, digits and . _ ~ -', user);
  }
  if (SERVICE.test(user)) return fault('a name that is no service of the media nodes', user);
  if (!DOMAIN.test(domain) || IPV4.test(domain)) {
    return fault('a domain name in lower case after the @', domain);
  }
  return { kind: 'ok', value: { user, domain } };
}

/** Reads the name of a user that may exist, perhaps written by others with looser rules. Pure. */
export function parseKnownAor(text: string): Parsed<Aor> {
  const match = /^(?:sips?:)?([^\s@:;<>"]{1,64})@([^\s@:;<>"]{1,64})$/.exec(text);
  const [, user, domain] = match ?? [];
  if (user === undefined || domain === undefined) return fault('user@domain', text);
  return { kind: 'ok', value: { user, domain: domain.toLowerCase() } };
}

/** Whether a text is a number as it goes to trunks: `+` and 5 to 15 digits. */
export function isNumber(text: string): boolean {
  return E164.test(text);
}

/** Reads numbers separated by commas; each `+` and 5 to 15 digits, none twice. Pure. */
export function parseNumbers(text: string): Parsed<readonly string[]> {
  const numbers = text.split(',').map((one) => one.trim());
  const bad = numbers.find((one) => !isNumber(one));
  if (bad !== undefined) return fault('a number like +442079460123', bad);
  const twice = numbers.find((one, at) => numbers.indexOf(one) !== at);
  if (twice !== undefined) return fault('each number once', twice);
  return { kind: 'ok', value: numbers };
}

const MIN_PASSWORD = 8;
const MAX_PASSWORD = 128;

/** Why a password cannot be used; null when it can. Never quotes it. Pure. */
export function passwordFault(password: string): string | null {
  if (/[\u0000-\u001f\u007f]/.test(password)) {
    return 'expected one line without control characters as the password';
  }
  const length = [...password].length;
  if (length >= MIN_PASSWORD && length <= MAX_PASSWORD) return null;
  return `expected a password of ${MIN_PASSWORD} to ${MAX_PASSWORD} characters, found ${length}`;
}

function fault(expected: string, found: string): { readonly kind: 'fault'; readonly why: string } {
  return { kind: 'fault', why: `expected ${expected}, found ${JSON.stringify(found)}` };
}
