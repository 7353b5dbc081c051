import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { performance as perf, monitorEventLoopDelay } from 'node:perf_hooks';
import type { TreeView } from '../../../src/registry/tree-view.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import type { TestServer } from './lab.js';
import { LENGTH, connected, proxyTo, zookeeper } from './lab.js';
import { openView, shown } from './open-view.js';
import { randomFrom } from './random-from.js';

let zk: TestServer;
let writer: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: writer } = await connected(zk.address));
});

/** What the server holds below `root`, by relative path. */
async function truth(root: string, at = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const path = at === '' ? root : `${root}/${at}`;
  const znode = await writer.getData(path);
  if (znode === null) return found;
  found.set(at, String(znode.data));
  for (const name of (await writer.getChildren(path)) ?? []) {
    const below = await truth(root, at === '' ? name : `${at}/${name}`);
    for (const [key, text] of below) found.set(key, text);
  }
  return found;
}

const sorted = (map: Map<string, string>): [string, string][] => [...map].sort();

async function untilEqual(view: TreeView, root: string): Promise<void> {
  const want = sorted(await truth(root));
  try {
    await waitUntil('the view equals the server', 5_000, () => {
      return (
        view.snapshot().isFresh && JSON.stringify(sorted(shown(view))) === JSON.stringify(want)
      );
    });
  } catch {
    assert.deepEqual(sorted(shown(view)), want);
  }
}

/** Writes at random below `root`: creates, deletes, data, two levels deep. */
async function writeAtRandom(root: string, writes: number, random: () => number): Promise<void> {
  for (let at = 0; at < writes; at++) {
    const top = `${root}/t${Math.floor(random() * 8)}`;
    const path = random() < 0.3 ? top : `${top}/n${Math.floor(random() * 8)}`;
    const dice = random();
    try {
      if (dice < 0.45) await writer.create(path, Buffer.from(`c${at}`));
      else if (dice < 0.75) await writer.setData(path, Buffer.from(`s${at}`));
      else await writer.remove(path);
    } catch (err) {
      assert.match(String(err), /NO_NODE|NODE_EXISTS|NOT_EMPTY/);
    }
    if (at % 3 === 0) await wait(2);
  }
}

/** As a server before 3.6: the operation addWatch reaches the server with a number that it does not know. */
function withoutAddWatch(proxy: FaultProxy): void {
  proxy.onClientBytes = (bytes) => {
    const changed = Buffer.from(bytes);
    for (let at = 0; at + 12 <= changed.length; at += 4 + changed.readInt32BE(at)) {
      if (changed.readInt32BE(at + 8) === 106) changed.writeInt32BE(99, at + 8);
    }
    return changed;
  };
}

describe('views', { concurrency: true }, () => {
  test('C1 after any cut the view equals the server', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    await writer.create('/c1', Buffer.from('root'));
    const view = openView(session, '/c1');
    const random = randomFrom(3);
    for (let round = 0; round < 8 * LENGTH; round++) {
      const writing = writeAtRandom('/c1', 150, random);
      await wait(random() * 60);
      proxy.cut();
      await wait(random() * 100);
      if (random() < 0.5) proxy.cut();
      await writing;
      await untilEqual(view, '/c1');
    }
  });

  test('C2 on a server without recursive watches the view is the same', async () => {
    const proxy = await proxyTo(zk);
    withoutAddWatch(proxy);
    const { session } = await connected(proxy.address);
    const view = openView(session, '/c2');
    await view.whenFresh(5_000);
    assert.equal(view.snapshot().entries.size, 0);
    await writer.create('/c2', Buffer.from('root'));
    const random = randomFrom(4);
    for (let round = 0; round < 5 * LENGTH; round++) {
      await writeAtRandom('/c2', 100, random);
      if (round % 2 === 1) proxy.cut();
      await untilEqual(view, '/c2');
    }
    assert.ok(session.counters.ops.rejected > 0);
    assert.equal(view.unwatch(), false, 'to begin again would cost the connection');
    await writer.setData('/c2', Buffer.from('last'));
    await untilEqual(view, '/c2');
  });

  test('C6 a znode gone between notice and read is gone', async () => {
    const { session } = await connected(zk.address);
    await writer.create('/c6-gone', null);
    const view = openView(session, '/c6-gone');
    await view.whenFresh(5_000);
    for (let at = 0; at < 300; at++) {
      const path = `/c6-gone/${at % 7}`;
      await Promise.all([writer.create(path, null), writer.setData(path, Buffer.from('x'))]);
      const gone = writer.remove(path);
      if (at % 7 === 3) await Promise.all([gone, writer.create(path, null), writer.remove(path)]);
      await gone;
    }
    await writer.create('/c6-gone/last', null);
    await waitUntil('the last', 5_000, () => view.snapshot().entries.has('last'));
    await untilEqual(view, '/c6-gone');
  });

  test('C8 the first change is told at once, a burst in few calls, the last one complete', async () => {
    const { session } = await connected(zk.address);
    await writer.create('/c8', null);
    await writer.create('/c8/a', null);
    await writer.create('/c8/b', null);
    const view = openView(session, '/c8');
    await view.whenFresh(5_000);
    let calls = 0;
    let othersCalls = 0;
    let revision = view.snapshot().revision;
    view.subscribe(() => {
      calls += 1;
      const now = view.snapshot();
      assert.ok(now.revision > revision);
      revision = now.revision;
    });
    view.subscribe(
      () => (othersCalls += 1),
      (at) => at.startsWith('b'),
    );
    const startMs = perf.now();
    for (let at = 0; at < 1_000; at++) void writer.setData('/c8/a', Buffer.from(String(at)));
    await waitUntil('the last change', 10_000, () => shown(view).get('a') === '999', 1);
    const tookMs = perf.now() - startMs;
    await wait(120);
    assert.ok(calls >= 1 && calls <= tookMs / 50 + 3, `${calls} calls in ${tookMs} ms`);
    assert.equal(revision, view.snapshot().revision);
    assert.equal(othersCalls, 0);
    await writer.setData('/c8/b', Buffer.from('1'));
    await waitUntil('the filtered one', 5_000, () => othersCalls === 1);
  });
});

test('C9 ten thousand znodes fill quickly and follow without blocking', async (t) => {
  const { session } = await connected(zk.address);
  await writer.create('/c9', null);
  const names = Array.from({ length: 10_000 }, (_, at) => `/c9/node-of-some-length-${at}`);
  const data = Buffer.alloc(400, 'd');
  for (let at = 0; at < names.length; at += 1_000) {
    await Promise.all(names.slice(at, at + 1_000).map((name) => writer.create(name, data)));
  }
  const startMs = perf.now();
  const view = openView(session, '/c9');
  await view.whenFresh(60_000);
  const fillMs = perf.now() - startMs;
  assert.equal(view.snapshot().entries.size, 10_001);

  const lags: number[] = [];
  const sentAtMs = new Map<string, number>();
  view.subscribe(() => {
    const { entries } = view.snapshot();
    for (const [name, atMs] of sentAtMs) {
      if (!entries.has(name)) continue;
      lags.push(perf.now() - atMs);
      sentAtMs.delete(name);
    }
  });
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const changes = 200 * LENGTH;
  for (let at = 0; at < changes; at++) {
    sentAtMs.set(`new-${at}`, perf.now());
    await writer.create(`/c9/new-${at}`, data);
    await wait(8);
  }
  await waitUntil('all changes', 20_000, () => sentAtMs.size === 0);
  loop.disable();
  lags.sort((a, b) => a - b);
  t.diagnostic(
    `first fill ${fillMs.toFixed(0)} ms; lag p50 ${lags[Math.floor(changes / 2)]?.toFixed(1)} ms, ` +
      `p99 ${lags[Math.floor(changes * 0.99)]?.toFixed(1)} ms; loop p99 ${(loop.percentile(99) / 1e6).toFixed(1)} ms`,
  );
  assert.equal(lags.length, changes);
  assert.equal(view.snapshot().entries.size, 10_001 + changes);
});
