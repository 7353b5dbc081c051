import { relative } from 'node:path';
import { messageOf } from '../../src/util/errors.js';

/** The parts of node's `test:fail` event that are told; a test's own error is the `cause` of the runner's. */
interface TestEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly file?: string | undefined;
    readonly line?: number | undefined;
    readonly details?: { readonly error?: Error | undefined; readonly type?: string | undefined };
  };
}

const MAX_ERROR_LINES = 12;

/**
 * A reporter of node's runner: each failed test with its place and its error, nothing else, so that thousands
 * of lines need not be searched for the one that counts.
 */
export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.details?.type === 'suite') continue;
    const error = data.details?.error;
    const lines = messageOf(error?.cause ?? error ?? 'no error given').split('\n');
    const place = data.file === undefined ? '' : ` (${relative('.', data.file)}:${data.line ?? 0})`;
    yield (
      [`not ok - ${data.name ?? 'unnamed'}${place}`, ...lines.slice(0, MAX_ERROR_LINES)].join(
        '\n    ',
      ) + '\n'
    );
  }
}
