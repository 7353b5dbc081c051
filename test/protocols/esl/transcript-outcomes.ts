import { EslAuthError, ServerUnavailableError } from '../../../src/util/errors.js';

/** How a session that meets a recorded connection must end up. */
export type Outcome =
  | { readonly kind: 'open' }
  /** It was open, then ended for this reason. */
  | { readonly kind: 'closed'; readonly reason: RegExp }
  /** It never opened. */
  | {
      readonly kind: 'refused';
      readonly error: typeof EslAuthError | typeof ServerUnavailableError;
      readonly message: RegExp;
    };

const OPEN: Outcome = { kind: 'open' };
const closed = (reason: RegExp): Outcome => ({ kind: 'closed', reason });
const GOODBYE = closed(/said goodbye: Disconnected, goodbye\.$/);
const SHUT_DOWN = closed(/said goodbye: The system is being shut down\.$/);
const XML = closed(/content type text\/event-xml$/);
const notAuthorised = (message: RegExp): Outcome => ({
  kind: 'refused',
  error: EslAuthError,
  message,
});
const goneBeforeOpen = (message: RegExp): Outcome => ({
  kind: 'refused',
  error: ServerUnavailableError,
  message,
});

/** How a session with each transcript ends up, by the name of its file. */
export const OUTCOMES: Readonly<Record<string, Outcome>> = {
  '01-auth-ok': OPEN,
  '02-auth-wrong-password': notAuthorised(/refused the password: .*\(-ERR invalid\)$/),
  '03-command-before-auth': notAuthorised(/\(-ERR command not found\)$/),
  '04-exit-before-auth': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '05-exit': GOODBYE,
  '06-auth-crlf': OPEN,
  '07-pipelined': OPEN,
  '08-userauth': OPEN,
  '09-userauth-wrong': notAuthorised(/refused the password: .*\(-ERR invalid\)$/),
  '10-api-status': OPEN,
  '11-api-json-status': OPEN,
  '12-api-sofia-status': OPEN,
  '13-api-show-0-calls': OPEN,
  '14-api-global-getvar': OPEN,
  '15-api-version-uptime': OPEN,
  '16-api-fsctl-queries': OPEN,
  '17-api-fsctl-set': OPEN,
  '18-api-errors': OPEN,
  '20-api-show-2-calls': OPEN,
  '21-api-show-bridged': OPEN,
  '22-after-calls': OPEN,
  '23-fsctl-pause': OPEN,
  '24-bgapi': OPEN,
  '25-bgapi-parallel': OPEN,
  '26-status-paused-inbound': OPEN,
  '27-sofia-profile-stop-start': OPEN,
  '28-sip-port-taken': OPEN,
  '29-heartbeat-paused': SHUT_DOWN,
  '30-heartbeat-json': OPEN,
  '30-heartbeat-plain': OPEN,
  '30-heartbeat-xml': XML,
  '31-call-lifecycle-json': OPEN,
  '32-call-lifecycle-plain': OPEN,
  '33-event-plain-all': OPEN,
  '34-rejected-calls': OPEN,
  '40-filter': OPEN,
  '41-nixevent-noevents': OPEN,
  '42-sendevent-encoding': XML,
  '43-log': OPEN,
  '44-array-header': OPEN,
  '45-myevents': GOODBYE,
  '46-half-close': GOODBYE,
  '47-partial-command': OPEN,
  '48-long-reply-truncated': OPEN,
  '49-preauth-timeout': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '50-preauth-garbage-no-timeout': notAuthorised(/\(-ERR command not found\)$/),
  '51-rude-rejection': notAuthorised(/refused our address: apply-inbound-acl/),
  '52-kill-9': closed(/closed by the server$/),
  '53-kill-9-with-unread-input': closed(/ECONNRESET/),
  '54-hung-process': OPEN,
  '60-shutdown-elegant-no-calls': SHUT_DOWN,
  '61-shutdown-elegant-2-calls': SHUT_DOWN,
  '62-shutdown-asap-cancel-asap': SHUT_DOWN,
  '63-fsctl-shutdown-with-call': SHUT_DOWN,
  '64-fsctl-shutdown-now-with-call': closed(/closed by the server$/),
  '65-shutdown-api-with-call': SHUT_DOWN,
  '66-sigterm-with-call': SHUT_DOWN,
  '67-sigint-with-call': SHUT_DOWN,
  '68-drain-recipe': SHUT_DOWN,
  // Outbound sockets are not ours: no greeting comes, the notice that it lingers is passed over, the last one ends it.
  '70-outbound-socket-linger': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
  '71-outbound-socket-no-linger': goneBeforeOpen(/said goodbye: Disconnected, goodbye\.$/),
};
