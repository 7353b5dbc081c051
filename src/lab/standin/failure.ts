import { headerOf, type SipResponse } from './sip-message.js';
import type { Untagged } from './sip-stack.js';

/** What a caller hears when its call could not be made, for whatever reason on our side of the far end. */
export const UNAVAILABLE: Untagged = { status: 480, reason: 'Temporarily Unavailable' };

/**
 * What the A leg gets for a refused B leg: the same 4xx or 6xx; everything else becomes 480, since a 5xx
 * means that this node did not take the call, and it would be tried on another one. So does a challenge:
 * it was meant for us. A Reason goes along. Pure.
 */
export function failureOf(response: SipResponse): Untagged {
  const { status } = response;
  const isPassed = (status >= 400 && status < 500) || status >= 600;
  const isChallenge = status === 401 || status === 407;
  const reason = headerOf(response, 'reason');
  const headers = reason === '' ? [] : ([['Reason', reason]] as const);
  if (!isPassed || isChallenge) return { ...UNAVAILABLE, headers };
  return { status, reason: response.reason, headers };
}

const CAUSES: Readonly<Record<number, string>> = {
  401: 'CALL_REJECTED',
  403: 'CALL_REJECTED',
  404: 'UNALLOCATED_NUMBER',
  407: 'CALL_REJECTED',
  408: 'RECOVERY_ON_TIMER_EXPIRE',
  480: 'NO_USER_RESPONSE',
  486: 'USER_BUSY',
  487: 'ORIGINATOR_CANCEL',
  488: 'INCOMPATIBLE_DESTINATION',
  500: 'NORMAL_TEMPORARY_FAILURE',
  503: 'NORMAL_TEMPORARY_FAILURE',
  600: 'USER_BUSY',
  603: 'CALL_REJECTED',
};

/** FreeSWITCH's cause for a status (sofia_glue_sip_cause_to_freeswitch), of those that occur here. Pure. */
export const causeOf = (status: number): string => CAUSES[status] ?? 'NORMAL_UNSPECIFIED';
