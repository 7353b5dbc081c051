import { LOG_MARK } from './scenario.js';

/** How a call ended. Only `completed` is a success; the others say what the caller saw. */
export type CallEnd =
  | { readonly kind: 'completed'; readonly atMs: number }
  /** A final answer other than 200. */
  | { readonly kind: 'refused'; readonly atMs: number; readonly status: number }
  /** No final answer in time. */
  | { readonly kind: 'unanswered'; readonly atMs: number }
  /** Answered, but nobody confirmed the BYE with a 200: the call was gone before its end. */
  | { readonly kind: 'lost'; readonly atMs: number; readonly why: string }
  /** sipp gave the call up by itself, for example on a message that no call allows. */
  | { readonly kind: 'aborted'; readonly atMs: number; readonly why: string };

/** One call as the caller saw it. Times are wall clock milliseconds since 1970. */
export interface Call {
  readonly callId: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number | null;
  /** `host:port` of the Contact that answered: the media node on which the call stands. */
  readonly node: string | null;
  /** Null while the call lives. */
  readonly end: CallEnd | null;
}

/** The calls of one run, by Call-ID, in the order in which they were sent. */
export type Calls = ReadonlyMap<string, Call>;

const MARKED = new RegExp(
  `^${LOG_MARK} (\\w+) (\\S+) (\\d+)(?:\\.\\d+)? (\\d+)(?:\\.\\d+)? (\\S+)`,
);
/** sipp ends these messages without a newline, so the date of the next may follow the Call-ID. */
const ABORTED =
  /(\d+\.\d+): Aborting call on (?:an )?(.*?) for (?:Call-I[dD] '([^']+)'|call: (\S+?)(?=\s|\d{4}-\d\d-\d\d\s|$))/g;
const DEFAULT_SIP_PORT = 5060;

/**
 * Adds what lines of sipp's log tell to the calls already known and gives the new whole.
 *
 * Pure. Lines that are not ours, or about a call that was never sent, are passed over; a call that has
 * ended stays as it ended.
 */
export function readCallLog(calls: Calls, lines: readonly string[]): Calls {
  if (lines.length === 0) return calls;
  const all = new Map(calls);
  for (const line of lines) {
    const [, event = '', callId = '', sec = '', usec = '', detail = ''] = MARKED.exec(line) ?? [];
    if (event === '') continue;
    const atMs = Number(sec) * 1_000 + Number(usec) / 1_000;
    const before = all.get(callId);
    if (event === 'sent') {
      if (before === undefined) all.set(callId, newCall(callId, atMs));
    } else if (before !== undefined && before.end === null) {
      all.set(callId, afterEvent(before, event, atMs, detail));
    }
  }
  return all;
}

/** Ends the calls that sipp's error file says it gave up. Pure. */
export function readAborts(calls: Calls, errorText: string): Calls {
  const all = new Map(calls);
  for (const [, sec = '', why = '', quoted, bare = ''] of errorText.matchAll(ABORTED)) {
    const callId = quoted ?? bare;
    const call = all.get(callId);
    if (call === undefined || call.end !== null) continue;
    all.set(callId, { ...call, end: { kind: 'aborted', atMs: Number(sec) * 1_000, why } });
  }
  return all;
}

/** `host:port` of a SIP URI; null when it names no host. */
export function nodeOf(uri: string): string | null {
  const [, host, port] = /^sips?:(?:[^@]*@)?(\[[^\]]+\]|[^:;>?]+)(?::(\d+))?/.exec(uri) ?? [];
  if (host === undefined || host === '') return null;
  return `${host}:${port ?? DEFAULT_SIP_PORT}`;
}

function newCall(callId: string, sentAtMs: number): Call {
  return { callId, sentAtMs, answeredAtMs: null, node: null, end: null };
}

function afterEvent(call: Call, event: string, atMs: number, detail: string): Call {
  switch (event) {
    case 'answered':
      return { ...call, answeredAtMs: atMs, node: nodeOf(detail) };
    case 'refused':
      return { ...call, end: { kind: 'refused', atMs, status: Number(detail) } };
    case 'unanswered':
      return { ...call, end: { kind: 'unanswered', atMs } };
    case 'ended':
      return { ...call, end: { kind: 'completed', atMs } };
    case 'lost':
      return { ...call, end: { kind: 'lost', atMs, why: byeFault(detail) } };
    default:
      return call;
  }
}

function byeFault(detail: string): string {
  return detail === 'silence' ? 'no answer to BYE' : `BYE answered ${detail}`;
}
