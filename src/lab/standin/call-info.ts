import type { CallInfo } from './call.js';
import {
  displayOf,
  headerOf,
  parseUri,
  tagOf,
  uriOf,
  valuesOf,
  type SipRequest,
} from './sip-message.js';
import type { SipAddress } from './sip-response.js';
import type { EventHeader } from './switch-event.js';

/** Headers are read as bytes; here they become text. */
const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/** How the switch sees the caller of an INVITE, `service` being what answers it here: null for a bridge. */
export function callInfoOf(
  request: SipRequest,
  source: SipAddress,
  profileName: string,
  service: readonly [application: string, data: string] | null,
): CallInfo {
  const from = headerOf(request, 'from');
  const fromUri = parseUri(uriOf(from));
  const user = utf8(fromUri?.user ?? '');
  const host =
    uriOf(from)
      .replace(/^sips?:(?:[^@]*@)?/i, '')
      .split(';')[0] ?? '';
  const destination = utf8(parseUri(request.uri)?.user ?? '');
  const [application, applicationData] = service ?? [
    'bridge',
    channelNameOf(request.uri, profileName),
  ];
  return {
    channelName: `sofia/${profileName}/${user}@${host}`,
    callerName: utf8(displayOf(from)) || user,
    callerNumber: user,
    networkAddr: source.host,
    destination,
    application,
    applicationData,
    variables: variablesOf(request, source, profileName),
  };
}

/** How the switch sees a leg that it makes for `caller`. */
export function outboundInfo(uri: string, caller: CallInfo, profileName: string): CallInfo {
  return {
    ...caller,
    channelName: channelNameOf(uri, profileName),
    destination: utf8(parseUri(uri)?.user ?? ''),
    application: '',
    applicationData: '',
    variables: [['variable_sofia_profile_name', profileName]],
  };
}

const channelNameOf = (uri: string, profileName: string): string =>
  `sofia/${profileName}/${utf8(uri.replace(/^sips?:/i, '').split(';')[0] ?? '')}`;

function variablesOf(
  request: SipRequest,
  source: SipAddress,
  profileName: string,
): readonly EventHeader[] {
  const contact = valuesOf(request, 'contact')[0];
  return [
    ['variable_sip_call_id', headerOf(request, 'call-id')],
    ['variable_sip_network_ip', source.host],
    ['variable_sip_network_port', String(source.port)],
    ['variable_sip_received_ip', source.host],
    ['variable_sip_received_port', String(source.port)],
    ['variable_sip_via_protocol', 'udp'],
    ['variable_sip_from_tag', tagOf(headerOf(request, 'from')) ?? ''],
    ['variable_sofia_profile_name', profileName],
    ['variable_sip_req_uri', request.uri.replace(/^sips?:/i, '')],
    ['variable_sip_to_uri', uriOf(headerOf(request, 'to')).replace(/^sips?:/i, '')],
    ['variable_sip_contact_uri', uriOf(contact ?? '').replace(/^sips?:/i, '')],
  ];
}
