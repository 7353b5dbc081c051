import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from 'pino';
import type { MirrorSession } from '../../src/registry/tree-mirror.js';
import { TreeMirror } from '../../src/registry/tree-mirror.js';
import type { ZnodeStat } from '../../src/registry/stat.js';
import type { WatchEvent } from '../../src/registry/watch-event.js';

const stat = { czxid: 1n, mzxid: 1n, childCount: 0, ephemeralOwner: 1n } as ZnodeStat;
const log = { warn: () => undefined } as unknown as Logger;

/** A session whose answers come when the test says so, in the order of the questions, as on one connection. */
class SlowSession implements Pick<MirrorSession, 'state' | 'getData' | 'onWatchEvent'> {
  readonly state = 'connected';
  readonly znodes = new Set<string>();
  readonly #answers: (() => void)[] = [];
  #arrival = 0;
  #listener: (event: WatchEvent) => void = () => undefined;

  onWatchEvent(listener: (event: WatchEvent) => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  notify(kind: WatchEvent['kind'], path: string): void {
    this.#listener({ kind, path, arrival: ++this.#arrival });
  }

  async getData(path: string): ReturnType<MirrorSession['getData']> {
    await new Promise<void>((resolve) => this.#answers.push(resolve));
    const arrival = ++this.#arrival;
    return this.znodes.has(path) ? { data: Buffer.from(path), stat, arrival } : null;
  }

  async answerAll(): Promise<void> {
    while (this.#answers.length > 0) {
      this.#answers.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('a new incarnation is seen before the old one goes', async () => {
  const session = new SlowSession();
  const pictures: string[] = [];
  const mirror = new TreeMirror(session as unknown as MirrorSession, '/nodes', log, {
    changed: () => pictures.push([...mirror.copy().entries.keys()].sort().join(' ')),
    fresh: () => undefined,
  });
  session.znodes.add('/nodes/media~1');
  session.notify('created', '/nodes/media~1');
  await session.answerAll();
  session.znodes.add('/nodes/media~2');
  session.notify('created', '/nodes/media~2');
  session.znodes.delete('/nodes/media~1');
  session.notify('deleted', '/nodes/media~1');
  await session.answerAll();
  assert.deepEqual(pictures, ['media~1', 'media~1 media~2', 'media~2']);
  mirror.close();
});

test('a deletion with nothing else under way is seen at once', async () => {
  const session = new SlowSession();
  const mirror = new TreeMirror(session as unknown as MirrorSession, '/nodes', log, {
    changed: () => undefined,
    fresh: () => undefined,
  });
  session.znodes.add('/nodes/media~1');
  session.notify('created', '/nodes/media~1');
  await session.answerAll();
  session.notify('deleted', '/nodes/media~1');
  assert.deepEqual([...mirror.copy().entries.keys()], []);
  mirror.close();
});
