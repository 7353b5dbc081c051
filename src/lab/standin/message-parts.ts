import { headerOf, type SipMessage } from './sip-message.js';
import type { SipBody } from './sip-request.js';

/** A message's body as it is, to be passed on; null for none. Pure. */
export const bodyOf = (message: SipMessage): SipBody | null =>
  message.body.length === 0
    ? null
    : {
        type: headerOf(message, 'content-type') || 'application/sdp',
        text: message.body.toString('latin1'),
      };

/** Those of the named headers that the message has, under the names given. Pure. */
export const pickHeaders = (
  message: SipMessage,
  names: readonly string[],
): readonly (readonly [name: string, value: string])[] =>
  names.flatMap((name) =>
    message.headers
      .filter((header) => header.name === name.toLowerCase())
      .map((header) => [name, header.value] as const),
  );

/** A From or To value without its tag. Pure. */
export const withoutTag = (nameAddr: string): string => nameAddr.replace(/;\s*tag\s*=[^;]*/i, '');
