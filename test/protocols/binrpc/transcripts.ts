import { readdirSync, readFileSync } from 'node:fs';
import type { BinrpcValue } from '../../../src/protocols/binrpc/value.js';

const DIR = 'test/fixtures/binrpc';

/** One exchange recorded from a Kamailio 5.6.3, with the meaning noted beside the bytes. */
export interface Recorded {
  readonly title: string;
  /** Method and parameters, as the transcript's title says. */
  readonly call: readonly (string | number)[];
  readonly request: Buffer;
  readonly reply: Buffer;
  readonly type: 'REPLY' | 'FAULT';
  readonly cookie: number;
  readonly values: unknown;
  /** The transcript shows only the beginning of the reply. */
  readonly isCut: boolean;
}

/** Every exchange in every transcript file, each transport for itself. */
export function recordedExchanges(): Recorded[] {
  return readdirSync(DIR)
    .filter((file) => /^\d\d_.*\.txt$/.test(file) && !/^6[23]_/.test(file))
    .sort()
    .flatMap(exchangesIn);
}

/** The exchanges of one file, by the beginning of its name. */
export function recordedIn(prefix: string): Recorded[] {
  return recordedExchanges().filter((recorded) => recorded.title.startsWith(prefix));
}

function exchangesIn(file: string): Recorded[] {
  const text = readFileSync(`${DIR}/${file}`, 'utf8');
  const [head = '', ...sections] = text.split(/^== /m);
  const [, method = '', params = '[]'] = /^# (\S+) (\[.*\])/.exec(head) ?? [];
  const call = [method, ...(JSON.parse(params) as (string | number)[])];
  let first: unknown;
  return sections.map((section) => {
    const transport = section.slice(0, section.indexOf(' '));
    const decoded = /^decoded: type=(\w+) cookie=0x(\w+) body_len=\d+\n([\s\S]*)$/m.exec(section);
    if (decoded === null) throw new Error(`${file}: no decoded part in ${transport}`);
    const meaning = (decoded[3] ?? '').trim();
    const values: unknown = meaning.startsWith('(same') ? first : JSON.parse(meaning);
    first ??= values;
    return {
      title: `${file} ${transport}`,
      call,
      request: hexAfter(section, 'request'),
      reply: hexAfter(section, 'reply'),
      type: decoded[1] === 'FAULT' ? 'FAULT' : 'REPLY',
      cookie: parseInt(decoded[2] ?? '', 16),
      values,
      isCut: hexAfter(section, 'reply').length < Number(/^reply: (\d+)/m.exec(section)?.[1]),
    };
  });
}

/** The bytes in the indented lines below the line that begins with `label`. */
export function hexAfter(text: string, label: string): Buffer {
  const lines = new RegExp(`^${label}.*\n((?: {2}[0-9a-f ]+(?:\.\.\..*)?\n)*)`, 'm').exec(text);
  return Buffer.from((lines?.[1] ?? '').replaceAll(/\.\.\..*|\s/g, ''), 'hex');
}

/** The notation of the transcripts: a struct is a list of [name, value], a value without a name itself. */
export function notation(value: BinrpcValue): unknown {
  switch (value.kind) {
    case 'struct':
      return value.members.map((m) =>
        m.name === null ? notation(m.value) : [m.name, notation(m.value)],
      );
    case 'array':
      return value.items.map(notation);
    case 'bytes':
      return value.value.toString('hex');
    case 'int':
    case 'double':
    case 'string':
      return value.value;
  }
}
