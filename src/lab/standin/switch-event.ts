/** An event of the switch, before it is written in one of the three formats of the Event Socket. */
export interface SwitchEvent {
  readonly name: string;
  /** The name within CUSTOM, otherwise null. */
  readonly subclass: string | null;
  /** In the order of the wire; names may repeat. Empty values are left out when written. */
  readonly headers: readonly EventHeader[];
  readonly body: string | null;
}

export type EventHeader = readonly [name: string, value: string];
export type EventFormat = 'plain' | 'json' | 'xml';

const ARRAY_MARK = 'ARRAY::';
const UNSAFE = new Set('\r\n #%&+:;<=>?@[\\]^`{|}"');
const HEX = /^[0-9A-F]{2}$/;

/** A whole message: the two outer headers and the event in `format`, as header part and body part. */
export function writeEvent(
  event: SwitchEvent,
  format: EventFormat,
): { readonly head: string; readonly body: Buffer } {
  const body = Buffer.from(WRITERS[format](event), 'utf8');
  return {
    head: `Content-Length: ${body.length}\nContent-Type: text/event-${format}\n\n`,
    body,
  };
}

const WRITERS: Readonly<Record<EventFormat, (event: SwitchEvent) => string>> = {
  plain: writePlain,
  json: writeJson,
  xml: writeXml,
};

/**
 * FreeSWITCH's percent encoding, which cannot be undone: a value that already holds `%20` keeps it,
 * while any other `%` becomes `%25`.
 */
export function encodeValue(value: string): string {
  const bytes = Buffer.from(value, 'utf8');
  let out = '';
  for (const [i, byte] of bytes.entries()) {
    const char = String.fromCharCode(byte);
    const isEncodedAlready =
      char === '%' && HEX.test(bytes.toString('latin1', i + 1, Math.min(i + 3, bytes.length)));
    const isSafe = byte >= 0x20 && byte <= 0x7e && !UNSAFE.has(char);
    out +=
      isEncodedAlready || isSafe ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

const kept = (event: SwitchEvent): readonly EventHeader[] =>
  event.headers.filter(([, value]) => value !== '');

function writePlain(event: SwitchEvent): string {
  const head = kept(event).map(([name, value]) => `${name}: ${encodeValue(value)}\n`);
  if (event.body === null || event.body === '') return `${head.join('')}\n`;
  return `${head.join('')}Content-Length: ${Buffer.byteLength(event.body)}\n\n${event.body}`;
}

/** By hand, since the real one repeats keys (Hangup-Cause, Content-Length). */
function writeJson(event: SwitchEvent): string {
  const pairs = kept(event).map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`);
  if (event.body !== null && event.body !== '') {
    pairs.push(`"Content-Length":"${Buffer.byteLength(event.body)}"`);
    pairs.push(`"_body":${JSON.stringify(event.body)}`);
  }
  return `{${pairs.join(',')}}`;
}

function jsonValue(value: string): string {
  if (!value.startsWith(ARRAY_MARK)) return JSON.stringify(value);
  return JSON.stringify(value.slice(ARRAY_MARK.length).split('|:'));
}

function writeXml(event: SwitchEvent): string {
  const lines = kept(event).map(
    ([name, value]) => `    <${name}>${encodeValue(value)}</${name}>\n`,
  );
  const body =
    event.body === null || event.body === ''
      ? ''
      : `  <Content-Length>${Buffer.byteLength(event.body)}</Content-Length>\n` +
        `  <body>${encodeEntities(event.body)}  </body>\n`;
  return `<event>\n  <headers>\n${lines.join('')}  </headers>\n${body}</event>\n`;
}

function encodeEntities(text: string): string {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  return [...text]
    .map((char) => {
      const code = char.codePointAt(0) ?? 0;
      return named[char] ?? (code > 0x7e ? `&#x${code.toString(16).toUpperCase()};` : char);
    })
    .join('');
}

/** Every event name that FreeSWITCH 1.11 knows; a subscription to any other name is ignored. */
export const EVENT_NAMES: ReadonlySet<string> = new Set(
  `CUSTOM CLONE CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_ANSWER
   CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD
   CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA
   CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_APPLICATION CHANNEL_ORIGINATE CHANNEL_UUID
   API LOG INBOUND_CHAN OUTBOUND_CHAN STARTUP SHUTDOWN PUBLISH UNPUBLISH TALK NOTALK SESSION_CRASH
   MODULE_LOAD MODULE_UNLOAD DTMF MESSAGE PRESENCE_IN NOTIFY_IN PRESENCE_OUT PRESENCE_PROBE
   MESSAGE_WAITING MESSAGE_QUERY ROSTER CODEC BACKGROUND_JOB DETECTED_SPEECH DETECTED_TONE
   PRIVATE_COMMAND HEARTBEAT TRAP ADD_SCHEDULE DEL_SCHEDULE EXE_SCHEDULE RE_SCHEDULE RELOADXML
   NOTIFY PHONE_FEATURE PHONE_FEATURE_SUBSCRIBE SEND_MESSAGE RECV_MESSAGE REQUEST_PARAMS
   CHANNEL_DATA GENERAL COMMAND SESSION_HEARTBEAT CLIENT_DISCONNECTED SERVER_DISCONNECTED SEND_INFO
   RECV_INFO RECV_RTCP_MESSAGE SEND_RTCP_MESSAGE CALL_SECURE NAT RECORD_START RECORD_STOP
   PLAYBACK_START PLAYBACK_STOP CALL_UPDATE FAILURE SOCKET_DATA MEDIA_BUG_START MEDIA_BUG_STOP
   CONFERENCE_DATA_QUERY CONFERENCE_DATA CALL_SETUP_REQ CALL_SETUP_RESULT CALL_DETAIL DEVICE_STATE
   TEXT SHUTDOWN_REQUESTED CERT_RELOAD`.split(/\s+/),
);
