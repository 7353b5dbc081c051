import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { performance as perf, monitorEventLoopDelay } from 'node:perf_hooks';
import { TreeView } from '../../../src/registry/tree-view.js';
import type { ZkSession } from '../../../src/registry/session.js';
import { wait, waitUntil } from '../../../src/util/wait.js';
import type { FaultProxy } from '../../support/fault-proxy.js';
import type { TestServer } from './lab.js';
import { LENGTH, atEnd, connected, proxyTo, quiet, untilState, zookeeper } from './lab.js';

let zk: TestServer;
let writer: ZkSession;
before(async () => {
  zk = await zookeeper(500);
  ({ session: writer } = await connected(zk.address));
});

function openView(session: ZkSession, root: string): TreeView {
  const view = TreeView.open(session, root, { log: quiet });
  atEnd(() => view.close());
  return view;
}

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

function shown(view: TreeView): Map<string, string> {
  return new Map([...view.snapshot().entries].map(([at, { data }]) => [at, String(data)]));
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

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
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
  });

  test('C3 an outage leaves the view as it was, marked stale with its age', async () => {
    const proxy = await proxyTo(zk);
    const { session, states } = await connected(proxy.address, { zkSessionTimeoutMs: 1_000 });
    await writer.create('/c3', null);
    for (let at = 0; at < 50; at++) await writer.create(`/c3/${at}`, null);
    const view = openView(session, '/c3');
    await view.whenFresh(5_000);
    let smallest = Number.POSITIVE_INFINITY;
    view.subscribe(() => (smallest = Math.min(smallest, view.snapshot().entries.size)));
    const beforeMs = Date.now();
    await proxy.down();
    await waitUntil('lost', 15_000, () => states.includes('lost'));
    await wait(1_000 * LENGTH);
    const stale = view.snapshot();
    assert.equal(stale.isFresh, false);
    assert.equal(stale.entries.size, 51);
    assert.ok((stale.staleSinceMs ?? 0) >= beforeMs - 5);
    await writer.remove('/c3/0');
    // The connection is lost again and again in the middle of the full read: nothing half may show.
    for (let round = 0; round < 5; round++) {
      proxy.cutServerBytesAt(500 + 600 * round);
      await proxy.up();
      await wait(300);
    }
    proxy.onServerBytes = null;
    await view.whenFresh(15_000);
    assert.equal(view.snapshot().entries.size, 50);
    assert.equal(view.snapshot().staleSinceMs, null);
    assert.equal(smallest, 50);
  });

  test('C4 a tree that somebody wiped under a living connection is stale until it was read anew', async () => {
    const { session, states } = await connected(zk.address);
    for (const path of ['/c4', '/c4/nodes', '/c4/nodes/a', '/c4/will'])
      await writer.create(path, null);
    const view = TreeView.open(session, '/c4', { log: quiet, landmarks: ['', 'nodes'] });
    atEnd(() => view.close());
    await view.whenFresh(5_000);
    const seen: boolean[] = [];
    view.subscribe(() => {
      const { isFresh } = view.snapshot();
      if (seen.at(-1) !== isFresh) seen.push(isFresh);
    });
    await writer.remove('/c4/will');
    await writer.remove('/c4/nodes/a');
    await waitUntil('both gone', 5_000, () => view.snapshot().entries.size === 2);
    assert.equal(view.wipes, 0, 'no landmark is gone');
    await writer.remove('/c4/nodes');
    await waitUntil('the first wipe', 5_000, () => view.wipes === 1 && view.snapshot().isFresh);
    assert.deepEqual(seen, [true, false, true]);
    await writer.create('/c4/nodes', null);
    await writer.create('/c4/nodes/a', null);
    await waitUntil('made again', 5_000, () => view.wipes === 2 && view.snapshot().isFresh);
    await waitUntil('its child', 5_000, () => view.snapshot().entries.has('nodes/a'));
    assert.deepEqual(seen, [true, false, true, false, true]);
    assert.deepEqual(states, ['connected']);
  });

  test('C3 a cut is told although the view is fresh again within the gap between two deliveries', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    await writer.create('/c3-gap', null);
    const view = openView(session, '/c3-gap');
    await view.whenFresh(5_000);
    let breaks = 0;
    view.subscribe(() => {
      if (!view.snapshot().isFresh) breaks += 1;
    });
    for (let round = 1; round <= 10; round++) {
      // A delivery just before the cut, so that the next one would wait for the gap.
      await writer.setData('/c3-gap', Buffer.from(String(round)));
      await waitUntil('the change', 5_000, () => shown(view).get('') === String(round), 1);
      proxy.cut();
      await waitUntil('the break is told', 5_000, () => breaks >= round, 1);
      await view.whenFresh(5_000);
    }
    assert.equal(breaks, 10);
  });

  test('C6 a znode that cannot be read keeps its former value, and the others do not wait', async () => {
    const proxy = await proxyTo(zk);
    const { session } = await connected(proxy.address);
    await writer.create('/c6', null);
    await writer.create('/c6/a', Buffer.from('1'));
    await writer.create('/c6/b', Buffer.from('1'));
    const view = openView(session, '/c6');
    await view.whenFresh(5_000);
    refuseReadsOf(proxy, '/c6/a');
    await writer.setData('/c6/a', Buffer.from('2'));
    await writer.setData('/c6/b', Buffer.from('2'));
    await waitUntil('the other', 5_000, () => shown(view).get('b') === '2');
    await waitUntil('the fault', 5_000, () => view.snapshot().unreadable.get('a') === 'NO_AUTH');
    assert.equal(shown(view).get('a'), '1');
    proxy.cut();
    await untilState(session, 'suspended');
    await view.whenFresh(5_000);
    await waitUntil('fresh', 5_000, () => view.snapshot().isFresh);
    assert.equal(shown(view).get('a'), '1');
    proxy.onServerBytes = null;
    proxy.onClientBytes = null;
    await waitUntil('its value', 5_000, () => shown(view).get('a') === '2');
    assert.equal(view.snapshot().unreadable.size, 0);
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

/** Turns the answers to reads of one znode into NO_AUTH, as if its access list had changed. */
function refuseReadsOf(proxy: FaultProxy, path: string): void {
  const refused = new Set<number>();
  proxy.onClientBytes = (bytes) => {
    for (let at = 0; at + 12 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
      const frame = bytes.subarray(at, at + 4 + bytes.readInt32BE(at));
      const isRead = frame.length > 12 && frame.readInt32BE(8) === 4;
      if (isRead && frame.includes(path)) refused.add(frame.readInt32BE(4));
    }
    return undefined;
  };
  proxy.onServerBytes = (bytes) => {
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readInt32BE(at)) {
      const frame = bytes.subarray(at, at + 4 + bytes.readInt32BE(at));
      if (frame.length > 20 && refused.delete(frame.readInt32BE(4))) {
        const answer = Buffer.from(frame.subarray(0, 20));
        answer.writeInt32BE(16, 0);
        answer.writeInt32BE(-102, 16);
        frames.push(answer);
      } else {
        frames.push(frame);
      }
    }
    return Buffer.concat(frames);
  };
}
