import { readTranscript } from '../../lab/standin/transcript.js';

/** What `show` answers. */
export interface Rows {
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** The columns in their order; of the states that decide something also the values, of others whether they are filled. */
export function shapeOf({ rows }: Rows): unknown {
  const exact = /^(?:b_)?(?:direction|state|callstate|callee_direction|callee_name|application)$/;
  return rows.map((row) =>
    Object.entries(row).map(([name, value]) => [name, exact.test(name) ? value : value !== '']),
  );
}

/** Answer number `index` of the recorded ones. */
export function recorded(index: number): Rows {
  const replies = readTranscript('21-api-show-bridged').flatMap((entry) =>
    entry.kind === 'receive' ? [entry.bytes.toString()] : [],
  );
  const json = replies.flatMap((text) => /\n\n(\{"row_count".*\})/s.exec(text)?.[1] ?? []);
  return JSON.parse(json[index] ?? '') as Rows;
}
