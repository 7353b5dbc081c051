import { InvalidInputError } from '../../util/errors.js';

/** How Marathon knows us. Never shown, never logged. */
export type MarathonCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  /** The whole value after `Authorization: `, for example `token=…` or `Bearer …`. */
  | { readonly kind: 'token'; readonly authorization: string };

/** Where Marathon is and how long it may take. */
export interface MarathonSettings {
  /** At least one; each may have a path before `/v2`. Asked in this order until one answers. */
  readonly baseUrls: readonly string[];
  readonly credentials: MarathonCredentials;
  /** PEM of the authority that signed Marathon's certificate; unset = the system's. */
  readonly caPem?: string;
  /** To connect, and for the answer of one try of a read. */
  readonly tryTimeoutMs: number;
  /** A whole call, with its retries; also the deadline for the answer to a change. */
  readonly callTimeoutMs: number;
  /** Of the body of one answer. */
  readonly maxAnswerBytes: number;
}

/** What is used where the operator said nothing. */
export const MARATHON_DEFAULTS = {
  tryTimeoutMs: 5_000,
  callTimeoutMs: 30_000,
  /** A group of 1,000 apps with their tasks has about 8 MB. */
  maxAnswerBytes: 32 * 1024 * 1024,
} as const;

/** How many addresses of one Marathon make sense. */
const MAX_BASE_URLS = 16;

/** Printable ASCII: what an HTTP header may hold. */
const HEADER_VALUE = /^[\x21-\x7e][\x20-\x7e]*$/;

/** The base URLs, each without the slash at its end. Throws InvalidInputError that never shows a credential. Pure. */
export function checkBaseUrls(settings: MarathonSettings): readonly URL[] {
  const count = settings.baseUrls.length;
  if (count < 1 || count > MAX_BASE_URLS) {
    throw new InvalidInputError('Marathon', `expected 1 to ${MAX_BASE_URLS} URLs, found ${count}`);
  }
  return settings.baseUrls.map((text, index) => checkBaseUrl(text, `Marathon's URL ${index + 1}`));
}

/** The Authorization header, or undefined. Throws InvalidInputError that never shows it. Pure. */
export function authorizationOf(credentials: MarathonCredentials): string | undefined {
  switch (credentials.kind) {
    case 'none':
      return undefined;
    case 'basic':
      if (credentials.user.includes(':')) {
        throw new InvalidInputError("Marathon's user", 'it must not hold a colon');
      }
      return `Basic ${base64(`${credentials.user}:${credentials.password}`)}`;
    case 'token':
      if (!HEADER_VALUE.test(credentials.authorization)) {
        throw new InvalidInputError("Marathon's token", 'expected one line of printable ASCII');
      }
      return credentials.authorization;
  }
}

/** Takes what is secret out of a text from outside: a server may echo what we sent. Pure. */
export function redactor(credentials: MarathonCredentials): (text: string) => string {
  const secrets = secretsOf(credentials).filter((secret) => secret.length > 0);
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '[hidden]'), text);
}

function secretsOf(credentials: MarathonCredentials): readonly string[] {
  if (credentials.kind === 'none') return [];
  if (credentials.kind === 'basic') {
    return [base64(`${credentials.user}:${credentials.password}`), credentials.password];
  }
  const { authorization } = credentials;
  return [authorization, authorization.replace(/^(?:\w+\s+|token=)/, '')];
}

function checkBaseUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new InvalidInputError(what, 'it is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidInputError(what, 'expected http:// or https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw new InvalidInputError(what, 'credentials do not belong into the URL');
  }
  if (url.search !== '' || url.hash !== '') {
    throw new InvalidInputError(what, 'it must not hold a query or a fragment');
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
