/** How long the generated caller does what; all in milliseconds. */
export interface ScenarioTiming {
  /** How long a call lasts, drawn evenly between the two. */
  readonly talkMs: { readonly min: number; readonly max: number };
  /** No final answer to the INVITE within this time: the caller cancels and gives up. */
  readonly answerTimeoutMs: number;
  /** No answer to the BYE within this time: the call was lost. */
  readonly byeTimeoutMs: number;
}

/** Final answers that end an attempt in order; sipp knows no ranges, so they are spelled out. */
const REFUSALS = [
  300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 413, 414, 415, 416,
  420, 421, 422, 423, 433, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 494, 500,
  501, 502, 503, 504, 505, 513, 580, 600, 603, 604, 606, 607,
];
/** Answers to a BYE by which the far end says that it does not know the call, or is gone. */
const BYE_REFUSALS = [
  400, 403, 404, 405, 408, 480, 481, 487, 500, 501, 502, 503, 504, 600, 603, 604,
];
const PROVISIONALS = [180, 181, 182, 183];

/** Every line that the caller logs for us begins with this word; `call-log.ts` reads them. */
export const LOG_MARK = 'carna-call';

/**
 * sipp's scenario of one caller: INVITE, talk, BYE, along the recorded route.
 *
 * Each step is logged as `carna-call EVENT CALL-ID SECONDS MICROSECONDS DETAIL`, EVENT being sent,
 * answered (DETAIL = Contact URI), refused (status), unanswered, ended or lost (status, or `silence`).
 * A call that rang is cancelled when it is given up; one that met silence is not, as RFC 3261 asks
 * (and sipp would wait for ever: it sends nothing while a retransmission is due).
 *
 * The INVITE's transaction is named, so that sipp passes over what comes late of it: a 180 after the 200 (two
 * workers of a proxy send on what they read in any order), a second 200.
 */
export function callScenario(timing: ScenarioTiming): string {
  const { talkMs, answerTimeoutMs, byeTimeoutMs } = timing;
  const unanswered = { timeoutMs: answerTimeoutMs, onTimeout: 'giveup', isOfInvite: true };
  const unconfirmed = { timeoutMs: byeTimeoutMs, onTimeout: 'lost', isOfInvite: false };
  return `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="carna caller">
${log('sent')}
${send(inviteHeaders('INVITE'), sdp(), 'retrans="500" start_txn="invite"')}
${optionalReply(100, { ...unanswered, onTimeout: 'silence' })}
${PROVISIONALS.map((code) => optionalReply(code, unanswered)).join('\n')}
${REFUSALS.map((code) => optionalReply(code, unanswered, { next: 'refused', event: 'refused' })).join('\n')}
  <recv response="200" response_txn="invite" rrs="true" timeout="${answerTimeoutMs}" ontimeout="giveup">
    <action>
      <ereg regexp="sips?:[^;> ]*" search_in="hdr" header="Contact:" assign_to="contact"/>
      <ereg regexp=";tag=[^;> ]*" search_in="hdr" header="To:" assign_to="answerTag"/>
      ${stamp('answered', '[$contact]')}
    </action>
  </recv>
${send(dialogHeaders('ACK', 1), '', 'ack_txn="invite"')}
${pause(talkMs)}
${send(dialogHeaders('BYE', 2), '', 'retrans="500"')}
${optionalReply(100, unconfirmed)}
${BYE_REFUSALS.map((code) => optionalReply(code, unconfirmed, { next: 'end', event: 'lost' })).join('\n')}
  <recv response="200" timeout="${byeTimeoutMs}" ontimeout="lost" next="end">
    <action>${stamp('ended', '200')}</action>
  </recv>
  <label id="lost"/>
${log('lost', 'silence')}
  <nop next="end"/>
  <label id="silence"/>
${log('unanswered', 'silence')}
  <nop next="end"/>
  <label id="giveup"/>
${log('unanswered', 'silence')}
${send(inviteHeaders('CANCEL'))}
${optionalReply(200, { ...unconfirmed, onTimeout: 'end' })}
  <recv response="487" response_txn="invite" timeout="${byeTimeoutMs}" ontimeout="end"/>
  <label id="refused"/>
${send(inviteHeaders('ACK'), '', 'ack_txn="invite"')}
  <label id="end"/>
  <nop/>
</scenario>
`;
}

/** Headers of INVITE, and of the CANCEL and the ACK to a refusal, which must carry the INVITE's branch. */
function inviteHeaders(method: 'INVITE' | 'CANCEL' | 'ACK'): string[] {
  return [
    `${method} sip:load@[remote_ip]:[remote_port] SIP/2.0`,
    'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-1',
    ...parties(method === 'ACK' ? '[peer_tag_param]' : ''),
    `CSeq: 1 ${method}`,
    ...(method === 'INVITE' ? ['Contact: <sip:caller@[local_ip]:[local_port]>'] : []),
    'Max-Forwards: 70',
  ];
}

function dialogHeaders(method: 'ACK' | 'BYE', cseq: number): string[] {
  return [
    `${method} [next_url] SIP/2.0`,
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-${method}`,
    '[routes]',
    // Of the answer that was taken: sipp's own word for it follows every later 200, also one of another server.
    ...parties('[$answerTag]'),
    `CSeq: ${cseq} ${method}`,
    'Max-Forwards: 70',
  ];
}

function parties(toTag: string): string[] {
  return [
    'From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]c[call_number]',
    `To: <sip:load@[remote_ip]:[remote_port]>${toTag}`,
    'Call-ID: [call_id]',
  ];
}

function sdp(): string {
  return ['v=0', 'o=carna 1 1 IN IP4 [local_ip]', 's=-', 'c=IN IP4 [local_ip]', 't=0 0']
    .concat('m=audio 40000 RTP/AVP 0')
    .map((line) => `      ${line}\n`)
    .join('');
}

function send(headers: readonly string[], body = '', attributes = ''): string {
  const length =
    body === ''
      ? ['Content-Length: 0']
      : ['Content-Type: application/sdp', 'Content-Length: [len]'];
  const lines = [...headers, ...length].map((line) => `      ${line}\n`).join('');
  return `  <send${attributes === '' ? '' : ` ${attributes}`}>
    <![CDATA[
${lines}
${body}    ]]>
  </send>`;
}

interface Awaited {
  readonly timeoutMs: number;
  /** Where the scenario goes on when nothing has come by then. */
  readonly onTimeout: string;
  readonly isOfInvite: boolean;
}

function optionalReply(
  code: number,
  { timeoutMs, onTimeout, isOfInvite }: Awaited,
  end?: { readonly next: string; readonly event: string },
): string {
  const transaction = isOfInvite ? ' response_txn="invite"' : '';
  const attributes = `response="${code}"${transaction} optional="true" timeout="${timeoutMs}" ontimeout="${onTimeout}"`;
  if (end === undefined) return `  <recv ${attributes}/>`;
  return `  <recv ${attributes} next="${end.next}"><action>${stamp(end.event, String(code))}</action></recv>`;
}

function pause(talkMs: ScenarioTiming['talkMs']): string {
  return talkMs.min === talkMs.max
    ? `  <pause milliseconds="${talkMs.min}"/>`
    : `  <pause distribution="uniform" min="${talkMs.min}" max="${talkMs.max}"/>`;
}

function log(event: string, detail = '-'): string {
  return `  <nop><action>${stamp(event, detail)}</action></nop>`;
}

function stamp(event: string, detail: string): string {
  return (
    '<gettimeofday assign_to="sec,usec"/>' +
    `<log message="${LOG_MARK} ${event} [call_id] [$sec] [$usec] ${detail}"/>`
  );
}
