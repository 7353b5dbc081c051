import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from 'pino';
import { TreeWatch } from '../../src/registry/tree-watch.js';
import { RegistryNotSentError, RegistryRejectedError } from '../../src/util/errors.js';

const log = { warn: () => undefined } as unknown as Logger;

/** A watch on /applied, and what it asked for; `answer` answers each question. */
function watchOn(answer: (what: string) => Promise<void>): { watch: TreeWatch; asked: string[] } {
  const asked: string[] = [];
  const ask =
    (what: string) =>
    (path: string): Promise<void> => {
      asked.push(`${what} ${path}`);
      return answer(what);
    };
  const session = {
    sync: ask('sync'),
    addWatch: ask('addWatch'),
    removeWatches: ask('removeWatches'),
  };
  return { watch: new TreeWatch(session, '/applied', log), asked };
}

test('a recursive watch is taken away as it was set', async () => {
  const { watch, asked } = watchOn(() => Promise.resolve());
  await watch.set();
  await watch.remove();
  assert.deepEqual(asked, ['sync /applied', 'addWatch /applied', 'removeWatches /applied']);
});

test('a server without recursive watches is not asked for one again', async () => {
  const unknown = new RegistryRejectedError('addWatch', 'UNIMPLEMENTED');
  const { watch, asked } = watchOn((what) =>
    what === 'addWatch' ? Promise.reject(unknown) : Promise.resolve(),
  );
  await watch.set();
  assert.equal(watch.isOneShot, true);
  await watch.set();
  assert.deepEqual(asked, ['sync /applied', 'addWatch /applied', 'sync /applied']);
});

test('a watch that could not be set is told, one that could not be taken away harms nobody', async () => {
  const { watch } = watchOn(() => Promise.reject(new RegistryNotSentError('suspended')));
  await assert.rejects(watch.set(), RegistryNotSentError);
  assert.equal(watch.isOneShot, false);
  await watch.remove();
});
