import { MarathonAnswerError } from '../../util/errors.js';
import type { ApiRequest } from './request.js';

/** How often one request may be sent on to another Marathon. */
export const MAX_REDIRECTS = 3;

const REDIRECTS = new Set([301, 302, 307, 308]);

/** Whether the answer names another Marathon, the leader. Pure. */
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/**
 * Where the request goes instead. A Marathon that redirects has not carried the request out, so that
 * it may be sent on, whatever its method.
 *
 * The same path must be meant: a redirect to anything else is a login page or a wrong address, and
 * our credentials do not go there. Nor do they leave TLS. Throws MarathonAnswerError. Pure.
 */
export function redirectTarget(
  what: string,
  from: URL,
  request: ApiRequest,
  location: string | undefined,
): URL {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new MarathonAnswerError(`${what}: redirected, but not to a URL`);
  }
  const to = new URL(location, from);
  const shown = `${to.protocol}//${to.host}`;
  if (to.protocol !== 'http:' && to.protocol !== 'https:') {
    throw new MarathonAnswerError(`${what}: redirected to something that is not HTTP`);
  }
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw new MarathonAnswerError(`${what}: refusing the redirect from https to ${shown}`);
  }
  const path = `${to.pathname}${to.search}`;
  if (path !== request.path && path !== `${from.pathname}${from.search}`) {
    throw new MarathonAnswerError(`${what}: redirected to another path at ${shown}, a login page?`);
  }
  return new URL(path, to.origin);
}
