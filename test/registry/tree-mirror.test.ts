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
class SlowSession implements MirrorSession {
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

  async sync(): Promise<void> {
    await this.#question();
  }

  async addWatch(): Promise<void> {
    await this.#question();
  }

  async removeWatches(): Promise<void> {
    await this.#question();
  }

  exists(): Promise<null> {
    return Promise.resolve(null);
  }

  async getChildren(path: string): Promise<readonly string[]> {
    await this.#question();
    const below = [...this.znodes].filter((one) => one.startsWith(`${path}/`));
    return below.map((one) => one.slice(path.length + 1));
  }

  async #question(): Promise<void> {
    await new Promise<void>((resolve) => this.#answers.push(resolve));
    this.#arrival += 1;
  }

  async getData(path: string): ReturnType<MirrorSession['getData']> {
    await this.#question();
    const childCount = [...this.znodes].filter((one) => one.startsWith(`${path}/`)).length;
    const found = {
      data: Buffer.from(path),
      stat: { ...stat, childCount },
      arrival: this.#arrival,
    };
    return this.znodes.has(path) ? found : null;
  }

  /** The last question is answered before the others are. */
  async answerNewest(): Promise<void> {
    this.#answers.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
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
  const mirror = new TreeMirror(session, '/nodes', log, {
    changed: () => pictures.push([...mirror.tree.copy().entries.keys()].sort().join(' ')),
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
  const mirror = new TreeMirror(session, '/nodes', log, {
    changed: () => undefined,
    fresh: () => undefined,
  });
  session.znodes.add('/nodes/media~1');
  session.notify('created', '/nodes/media~1');
  await session.answerAll();
  session.notify('deleted', '/nodes/media~1');
  assert.deepEqual([...mirror.tree.copy().entries.keys()], []);
  mirror.close();
});

test('a notice between asking for a full read and its beginning does not pass for the whole', async () => {
  const session = new SlowSession();
  const seen: string[] = [];
  let fresh = 0;
  const mirror = new TreeMirror(session, '/nodes', log, {
    changed: () => seen.push([...mirror.tree.copy().entries.keys()].sort().join(' ')),
    fresh: () => (fresh += 1),
  });
  for (const path of ['/nodes', '/nodes/a', '/nodes/b']) session.znodes.add(path);
  mirror.resync();
  await session.answerAll();
  assert.deepEqual([seen, fresh], [[' a b'], 1]);
  // The connection stands and so does its watch, as after a full read that failed by its deadline.
  session.znodes.add('/nodes/c');
  mirror.resync();
  session.notify('created', '/nodes/c');
  await session.answerNewest();
  assert.deepEqual([seen, fresh], [[' a b'], 1], 'nothing was shown or called fresh');
  await session.answerAll();
  assert.deepEqual([seen, fresh], [[' a b', ' a b c'], 2]);
  mirror.close();
});
