import { readFileSync } from 'node:fs';

/** One entry of a recorded conversation. `connection` is '' or the letter of one of two. */
export type Entry =
  | { readonly kind: 'send'; readonly connection: string; readonly bytes: Buffer }
  | { readonly kind: 'receive'; readonly connection: string; readonly bytes: Buffer }
  | { readonly kind: 'note'; readonly connection: string; readonly text: string };

const BLOCK = /^--- (C->S|S->C) (?:\[(\w)\] )?\+[\d.]+ (\d+)$/;
const NOTE = /^\*\*\*(?: C connects| S closes| S resets| C closes)?(?: \[(\w)\])?/;

/** Reads a file of test/fixtures/esl-standin; its format is described in the first lines of each. */
export function readTranscript(name: string): readonly Entry[] {
  const file = readFileSync(`test/fixtures/esl-standin/${name}.txt`);
  const entries: Entry[] = [];
  for (let at = 0; at < file.length;) {
    const end = file.indexOf(0x0a, at);
    const line = file.toString('utf8', at, end < 0 ? file.length : end);
    at = end < 0 ? file.length : end + 1;
    const [, direction, connection = '', size] = BLOCK.exec(line) ?? [];
    if (size !== undefined) {
      const bytes = file.subarray(at, at + Number(size));
      entries.push({ kind: direction === 'C->S' ? 'send' : 'receive', connection, bytes });
      at += Number(size) + 1;
    } else if (line.startsWith('***')) {
      entries.push({ kind: 'note', connection: NOTE.exec(line)?.[1] ?? '', text: line });
    }
  }
  return entries;
}

/** Cuts a server's stream into whole messages (header block and body as one text); the rest is left out. */
export function cutMessages(stream: Buffer): readonly string[] {
  const messages: string[] = [];
  for (let at = 0; at < stream.length;) {
    const blank = stream.indexOf('\n\n', at);
    if (blank < 0) break;
    const head = stream.toString('utf8', at, blank + 2);
    const size = Number(/^Content-Length: (\d+)$/m.exec(head)?.[1] ?? 0);
    if (blank + 2 + size > stream.length) break;
    messages.push(head + stream.toString('utf8', blank + 2, blank + 2 + size));
    at = blank + 2 + size;
  }
  return messages;
}

/** Every field in which two runs may differ. What none of them touches is compared byte by byte. */
const VARIABLE: readonly (readonly [field: RegExp, mark: string])[] = [
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'],
  [/(FreeSWITCH-IPv[46]"?>?:? ?"?)[^\n"<]+/g, '$1<ip>'],
  [/(Event-Date-\w+"?>?:? ?"?)[^\n"<]+/g, '$1<date>'],
  [/(Event-Sequence"?>?:? ?"?)\d+/g, '$1<n>'],
  [/((?:Up-Time|Uptime-msec)"?>?:? ?"?)[^\n"<]+/g, '$1<time>'],
  [/((?:Session-(?:Count|Per-Sec|Since|Peak)[\w-]*|Idle-CPU)"?>?:? ?"?)[\d.]+/g, '$1<n>'],
  [/^UP [^\n]*$/gm, 'UP <time>'],
  [/UP \d+ years[^\n\\]*/g, 'UP <time>'],
  [/\d+ session\(s\) since startup/g, '<n> session(s) since startup'],
  [/\d+ session\(s\) - peak \d+, last 5min \d+/g, '<n> session(s) - peak'],
  [/\d+ session\(s\) per Sec out of max (\d+), peak \d+, last 5min \d+/g, '<n> per Sec of $1'],
  [/min idle cpu 0\.00\/[\d.]+/g, 'min idle cpu <n>'],
  [/"uptime":\{[^}]*\}/g, '"uptime":<time>'],
  [/"total":\d+,"active":(\d+),"peak":\d+,"peak5Min":\d+/g, '"active":$1'],
  [/"current":\d+,"max":(\d+),"peak":\d+,"peak5Min":\d+/g, '"max":$1'],
  [/"allowed":[\d.]+/g, '"allowed":<n>'],
  [/Please wait \d+ seconds?/g, 'Please wait <n> seconds'],
  [/(CALLS-IN {9}\t)\d+/g, '$1<n>'],
  [/(CALLS-OUT {8}\t)\d+/g, '$1<n>'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+ [\d.]+%)?/g, '<date>'],
  [/\b1[789]\d{8}\b/g, '<epoch>'],
];

/** A bare number as the whole body: `uptime`. */
const BARE_NUMBER = /(\n\n)\d+(\n?)$/;

/** The message with every variable field replaced; its lengths too, if any was. */
export function normalise(message: string): string {
  let text = message.replace(BARE_NUMBER, '$1<n>$2').replace(/"_body":"\d+\\n"/, '"_body":"<n>"');
  for (const [field, mark] of VARIABLE) text = text.replace(field, mark);
  return text === message ? message : text.replace(/(Content-Length"?:? ?"?)\d+/g, '$1<n>');
}
